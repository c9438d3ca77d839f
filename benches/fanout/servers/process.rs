//! A server as a process: started on its core, told of by its first line, fed, and ended by its id.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use super::Places;
use crate::machine;

pub struct Server {
    pub port: u16,
    /// Where ticks go in; taken by the feeder.
    input: Option<Box<dyn Write + Send>>,
    child: Child,
}

/// Longer than a program takes to begin.
const START_MAX: Duration = Duration::from_secs(30);

impl Server {
    /// Starts a program that says `http://127.0.0.1:PORT` in the first line of its output and reads ticks from its input.
    pub fn start(name: &str, command: &mut Command, places: &Places) -> io::Result<Server> {
        let mut child = spawn(name, command.stdin(Stdio::piped()).stdout(Stdio::piped()), places)?;
        let first = first_line(child.stdout.take().expect("its output is a pipe"));
        let Some(port) = port_in(&first) else {
            let _ = child.kill();
            let _ = child.wait();
            let log = std::fs::read_to_string(places.logs.join(format!("{name}.log"))).unwrap_or_default();
            return Err(io::Error::other(format!("{name} did not start: {first}{log}")));
        };
        let input = child.stdin.take().expect("its input is a pipe");
        Ok(Server { port, input: Some(Box::new(input)), child })
    }

    /// A program that is fed by other means.
    pub fn with_input(child: Child, port: u16, input: Box<dyn Write + Send>) -> Server {
        Server { port, input: Some(input), child }
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

/// Starts a program on the server's core, its complaints in a file of its own.
pub fn spawn(name: &str, command: &mut Command, places: &Places) -> io::Result<Child> {
    std::fs::create_dir_all(&places.logs)?;
    let log = File::create(places.logs.join(format!("{name}.log")))?;
    machine::spawn_on_server_core(command.stderr(log))
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

fn port_in(line: &str) -> Option<u16> {
    let digits = line.split("http://127.0.0.1:").nth(1)?;
    let end = digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}
