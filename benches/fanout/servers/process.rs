//! A server as a process: started on its core, ready at its first line, fed, and ended by its id.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use super::Places;
use crate::machine;

pub struct Server {
    pub port: u16,
    pub is_tls: bool,
    /// Where ticks go in; taken by the feeder.
    input: Option<Box<dyn Write + Send>>,
    child: Child,
}

/// Longer than a program takes to begin.
const START_MAX: Duration = Duration::from_secs(30);
const ADDRESS: &str = "http://127.0.0.1:";
const TLS_ADDRESS: &str = "https://127.0.0.1:";
const TICKS_ADDRESS: &str = "ticks on 127.0.0.1:";

impl Server {
    /// Starts a program that says `http://127.0.0.1:PORT`, or `https:`, in the first line of its output and reads ticks from its input.
    pub fn start(name: &str, command: &mut Command, places: &Places) -> io::Result<Server> {
        let (mut child, first) = begin(name, command.stdin(Stdio::piped()), places)?;
        let input = child.stdin.take().expect("its input is a pipe");
        let mut server = Server { port: 0, is_tls: false, input: Some(Box::new(input)), child };
        server.is_tls = first.contains(TLS_ADDRESS);
        let address = if server.is_tls { TLS_ADDRESS } else { ADDRESS };
        server.port = port_behind(address, &first).ok_or_else(|| complaint(name, &first, places))?;
        Ok(server)
    }

    /// The same, of one that says `ticks on 127.0.0.1:PORT` behind that, and reads ticks from a connection to there.
    pub fn start_fed_by_tcp(name: &str, command: &mut Command, places: &Places) -> io::Result<Server> {
        let (child, first) = begin(name, command.stdin(Stdio::null()), places)?;
        let mut server = Server { port: 0, is_tls: false, input: None, child };
        let both = port_behind(ADDRESS, &first).zip(port_behind(TICKS_ADDRESS, &first));
        let (port, ticks) = both.ok_or_else(|| complaint(name, &first, places))?;
        let feed = TcpStream::connect((Ipv4Addr::LOCALHOST, ticks))?;
        feed.set_nodelay(true)?;
        server.port = port;
        server.input = Some(Box::new(feed));
        Ok(server)
    }

    /// A program that is fed by other means.
    pub fn with_input(child: Child, port: u16, input: Box<dyn Write + Send>) -> Server {
        Server { port, is_tls: false, input: Some(input), child }
    }

    /// Where ticks go in; once.
    pub fn take_input(&mut self) -> Box<dyn Write + Send> {
        self.input.take().expect("a server has one feeder")
    }

    pub fn cpu(&self) -> io::Result<Duration> {
        machine::cpu_of_process(self.child.id())
    }

    pub fn rss_bytes(&self) -> io::Result<u64> {
        machine::rss_bytes(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program on the server's cores, its complaints in a file of its own.
pub fn spawn(name: &str, command: &mut Command, places: &Places) -> io::Result<Child> {
    spawn_on(&places.cores, name, command, places)
}

/// The same on other cores.
pub fn spawn_on(cores: &[usize], name: &str, command: &mut Command, places: &Places) -> io::Result<Child> {
    std::fs::create_dir_all(&places.logs)?;
    let log = File::create(places.logs.join(format!("{name}.log")))?;
    machine::spawn_on(cores, command.stderr(log))
}

/// Empty when there is none in time.
fn first_line(output: ChildStdout) -> String {
    let (said, heard) = channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut first = String::new();
        let read = output.read_line(&mut first);
        // Nobody may wait any more.
        let _ = said.send(first);
        // Whatever it prints later must not fill the pipe.
        read.and_then(|_| io::copy(&mut output, &mut io::sink()))
    });
    heard.recv_timeout(START_MAX).unwrap_or_default()
}

/// Starts a program and reads the first line of its output; empty when there is none in time.
fn begin(name: &str, command: &mut Command, places: &Places) -> io::Result<(Child, String)> {
    let mut child = spawn(name, command.stdout(Stdio::piped()), places)?;
    let first = first_line(child.stdout.take().expect("its output is a pipe"));
    Ok((child, first))
}

fn complaint(name: &str, first: &str, places: &Places) -> io::Error {
    let log = std::fs::read_to_string(places.logs.join(format!("{name}.log"))).unwrap_or_default();
    io::Error::other(format!("{name} did not start: {first}{log}"))
}

fn port_behind(mark: &str, line: &str) -> Option<u16> {
    let digits = line.split(mark).nth(1)?;
    let end = digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Free ports. All are held until all are known, so that they differ.
pub fn free_ports<const COUNT: usize>() -> io::Result<[u16; COUNT]> {
    let mut held = Vec::with_capacity(COUNT);
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Connects as soon as somebody listens there.
pub fn wait_for(port: u16, longest: Duration) -> io::Result<TcpStream> {
    let deadline = Instant::now() + longest;
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            // A port without a listener may be given to the connecting socket, which then connects to itself.
            Ok(stream) if stream.local_addr()? != stream.peer_addr()? => return Ok(stream),
            Err(error) if Instant::now() >= deadline => return Err(error),
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
}
