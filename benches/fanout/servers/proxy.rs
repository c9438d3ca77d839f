//! Proxies in front of a server, with the buffers that they have by default.

use std::{
    fs, io,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{Places, process};
use crate::machine;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proxy {
    Nginx,
    Haproxy,
}

/// One that runs; ended by its id.
pub struct Running {
    pub port: u16,
    child: Child,
}

const START_MAX: Duration = Duration::from_secs(10);

impl Proxy {
    pub const ALL: [Proxy; 2] = [Proxy::Nginx, Proxy::Haproxy];

    pub fn name(self) -> &'static str {
        match self {
            Proxy::Nginx => "nginx",
            Proxy::Haproxy => "haproxy",
        }
    }

    /// What has to be installed first; `None` when it is there.
    pub fn missing(self) -> Option<String> {
        let there = Command::new(self.name()).arg("-v").output().is_ok_and(|output| output.status.success());
        let name = self.name();
        (!there).then(|| format!("{name} is not installed; install it with: benches/install-peers.sh {name}"))
    }

    /// What it says of itself, for the head of the report.
    pub fn version(self) -> String {
        let said = Command::new(self.name()).arg("-v").output();
        let said = said.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        said.lines().next().unwrap_or_default().trim_start_matches("nginx version: ").to_owned()
    }

    /// In front of the server at that port. It runs with the load: the server has its core to itself.
    pub fn start(self, server: u16, places: &Places) -> io::Result<Running> {
        let [port] = process::free_ports()?;
        fs::create_dir_all(&places.logs)?;
        let directory = fs::canonicalize(&places.logs)?.join(self.name());
        fs::create_dir_all(&directory)?;
        let config = directory.join("config");
        let text = match self {
            Proxy::Nginx => nginx(port, server, &directory),
            Proxy::Haproxy => haproxy(port, server),
        };
        fs::write(&config, text)?;
        let mut command = Command::new(self.name());
        match self {
            Proxy::Nginx => command.arg("-c").arg(&config).args(["-e", "stderr"]),
            Proxy::Haproxy => command.args(["-db", "-f"]).arg(&config),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = process::spawn_on(&[machine::LOAD_CORE], self.name(), &mut command, places)?;
        let running = Running { port, child };
        process::wait_for(port, START_MAX)?;
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What an upgrade needs, and nothing of buffers. One process, so that it ends with its id.
fn nginx(port: u16, server: u16, directory: &Path) -> String {
    let here = directory.display();
    format!(
        "daemon off;\nmaster_process off;\npid {here}/pid;\nerror_log stderr error;\nevents {{}}\n\
         http {{\n  access_log off;\n  client_body_temp_path {here};\n  proxy_temp_path {here};\n  \
         fastcgi_temp_path {here};\n  uwsgi_temp_path {here};\n  scgi_temp_path {here};\n  server {{\n    \
         listen 127.0.0.1:{port};\n    location / {{\n      proxy_pass http://127.0.0.1:{server};\n      \
         proxy_http_version 1.1;\n      proxy_set_header Upgrade $http_upgrade;\n      \
         proxy_set_header Connection \"upgrade\";\n    }}\n  }}\n}}\n"
    )
}

fn haproxy(port: u16, server: u16) -> String {
    format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 50s\n  timeout server 50s\n\
         frontend clients\n  bind 127.0.0.1:{port}\n  default_backend server\n\
         backend server\n  server one 127.0.0.1:{server}\n"
    )
}
