//! nats-server: ticks go in over its own protocol, clients speak it in WebSocket frames.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::{Places, Server, process};

const START_MAX: Duration = Duration::from_secs(10);

/// What its documentation advises when readers may be slow: publishers do not wait for them, and their deadline is long.
pub const TUNED: &str = "no_fast_producer_stall: true\nwrite_deadline: \"2m\"\n";

/// `settings` are lines of its configuration.
pub fn start(program: &Path, settings: &str, places: &Places) -> io::Result<Server> {
    let [port, websocket] = process::free_ports()?;
    std::fs::create_dir_all(&places.logs)?;
    let config = places.logs.join("nats.conf");
    // Its pings would wait among the data, and no client here disappears without notice.
    let text = format!(
        "listen: \"127.0.0.1:{port}\"\nmax_connections: 65536\nping_interval: \"10m\"\n\
         websocket {{ listen: \"127.0.0.1:{websocket}\", no_tls: true, compression: false }}\n{settings}"
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = process::spawn("nats", &mut command, places)?;
    let connected = process::wait_for(websocket, START_MAX).and_then(|_| {
        let mut feed = process::wait_for(port, START_MAX)?;
        feed.set_nodelay(true)?;
        feed.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")?;
        // What it says (INFO) is little and is left in the socket.
        Ok(feed)
    });
    match connected {
        Ok(feed) => Ok(Server::with_input(child, websocket, Box::new(feed))),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

/// What a client says first; the answer to its `PING` means that its subscriptions stand.
pub fn hello(symbols: &[String]) -> String {
    let mut text = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n".to_owned();
    for (number, symbol) in symbols.iter().enumerate() {
        // A string takes all that is written.
        let _ = write!(text, "SUB {symbol} {}\r\n", number + 1);
    }
    text.push_str("PING\r\n");
    text
}
