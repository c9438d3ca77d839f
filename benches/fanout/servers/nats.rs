//! nats-server: ticks go in over its own protocol, clients speak it in WebSocket frames.

use std::{
    fmt::Write as _,
    io::{self, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{Places, Server, process};

const START_MAX: Duration = Duration::from_secs(10);

pub fn start(places: &Places) -> io::Result<Server> {
    let [port, websocket] = free_ports()?;
    std::fs::create_dir_all(&places.logs)?;
    let config = places.logs.join("nats.conf");
    // Its pings would wait among the data; nobody here is gone without notice.
    let text = format!(
        "listen: \"127.0.0.1:{port}\"\nmax_connections: 65536\nping_interval: \"10m\"\n\
         websocket {{ listen: \"127.0.0.1:{websocket}\", no_tls: true, compression: false }}\n"
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new("nats-server");
    command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = process::spawn("nats", &mut command, places)?;
    let connected = wait_for(websocket).and_then(|_| wait_for(port)).and_then(|mut feed| {
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

/// Two that nobody has now; both are held until both are known, so that they differ.
fn free_ports() -> io::Result<[u16; 2]> {
    let held = [TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?];
    Ok([held[0].local_addr()?.port(), held[1].local_addr()?.port()])
}

fn wait_for(port: u16) -> io::Result<TcpStream> {
    let deadline = Instant::now() + START_MAX;
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            // A port that nobody listens on may be given to the connecting socket itself, which then meets itself.
            Ok(stream) if stream.local_addr()? != stream.peer_addr()? => return Ok(stream),
            Err(error) if Instant::now() >= deadline => return Err(error),
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
}
