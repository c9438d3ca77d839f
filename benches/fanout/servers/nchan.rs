//! nginx with nchan: each symbol is a channel, of which a reader takes several at once. Ticks go in by a WebSocket
//! for each channel, its cheapest way to publish.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{Places, Server, process, upgrade};
use crate::{frames, lines};

/// As Debian installs it.
pub const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

const START_MAX: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 4096;

/// One process, which is what one core can use. A reader begins with what comes next; all else is as it is by default.
pub fn start(places: &Places) -> io::Result<Server> {
    let [port] = process::free_ports()?;
    std::fs::create_dir_all(&places.logs)?;
    let directory = std::fs::canonicalize(&places.logs)?.join("nchan");
    std::fs::create_dir_all(&directory)?;
    let here = directory.display();
    let text = format!(
        "load_module {MODULE};\ndaemon off;\nmaster_process off;\nworker_processes 1;\npid {here}/pid;\n\
         error_log stderr error;\nevents {{ worker_connections 20000; }}\n\
         http {{\n  access_log off;\n  client_body_temp_path {here};\n  proxy_temp_path {here};\n  \
         fastcgi_temp_path {here};\n  uwsgi_temp_path {here};\n  scgi_temp_path {here};\n  \
         nchan_max_reserved_memory 256M;\n  server {{\n    listen 127.0.0.1:{port} backlog=4096;\n    \
         location ~ ^/publish/(.+)$ {{ nchan_publisher websocket; nchan_channel_id $1; \
         nchan_store_messages off; }}\n    \
         location ~ ^/events/(.+)$ {{\n      nchan_subscriber eventsource;\n      nchan_channel_id $1;\n      \
         nchan_channel_id_split_delimiter \",\";\n      nchan_subscriber_first_message newest;\n    }}\n  }}\n}}\n"
    );
    let config = directory.join("nginx.conf");
    std::fs::write(&config, text)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&config).arg("-e").arg("stderr").stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = process::spawn("nchan", &mut command, places)?;
    match process::wait_for(port, START_MAX) {
        Ok(_) => Ok(Server::with_input(child, port, Box::new(Publisher { port, channels: HashMap::new() }))),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

pub fn version() -> String {
    let said = Command::new("nginx").arg("-v").output().map(|output| output.stderr).unwrap_or_default();
    let nginx = String::from_utf8_lossy(&said).trim().replace("nginx version: ", "");
    let package = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "libnginx-mod-nchan"]).output();
    let package = package.map(|output| output.stdout).unwrap_or_default();
    format!("{}, {nginx}", String::from_utf8_lossy(&package).trim())
}

/// Takes whole lines, as the feeder writes them.
struct Publisher {
    port: u16,
    channels: HashMap<String, TcpStream>,
}

impl Write for Publisher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let symbol = lines::symbol_of(line);
            let port = self.port;
            let channel = match self.channels.get_mut(symbol) {
                Some(channel) => channel,
                None => self.channels.entry(symbol.to_owned()).or_insert(open(port, symbol)?),
            };
            channel.write_all(&frames::masked(frames::TEXT, line))?;
            forget_answers(channel)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open(port: u16, symbol: &str) -> io::Result<TcpStream> {
    let mut channel = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    channel.set_nodelay(true)?;
    channel.write_all(&upgrade(&format!("/publish/{symbol}"), ""))?;
    let (mut answer, deadline) = (Vec::new(), Instant::now() + START_MAX);
    channel.set_read_timeout(Some(START_MAX))?;
    while memchr::memmem::find(&answer, b"\r\n\r\n").is_none() {
        let mut byte = [0];
        channel.read_exact(&mut byte)?;
        answer.push(byte[0]);
        if answer.len() > ANSWER_BYTES_MAX || Instant::now() > deadline {
            return Err(io::Error::other("nchan gives no answer to a publisher"));
        }
    }
    if !answer.starts_with(b"HTTP/1.1 101") {
        return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
    }
    Ok(channel)
}

/// nchan says of each message who got it, which would fill the socket.
fn forget_answers(mut channel: &TcpStream) -> io::Result<()> {
    channel.set_nonblocking(true)?;
    let read = channel.read(&mut [0; ANSWER_BYTES_MAX]);
    channel.set_nonblocking(false)?;
    match read {
        Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}
