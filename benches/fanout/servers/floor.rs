//! The floor: what the same writes cost with nothing around them.
//!
//! One thread and one epoll. Each round it gives some of its clients one ready-made frame: no feed, no choice, no
//! encoding, no accounts. What a server uses above this is its own; what it uses below, it saves by fewer writes.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::Command,
    time::{Duration, Instant},
};

use clap::Parser;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, EventData, EventFlags},
    },
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Places, Server};
use crate::{
    frames,
    lines::{now_us, write_digits},
};

/// The argument that makes this program be the floor.
pub const ROLE: &str = "floor-server";

/// What the floor has to do.
#[derive(Clone, Copy, Parser, Debug)]
pub struct Work {
    #[arg(long)]
    pub rounds_per_s: f64,
    /// Which part of the clients each round writes to; below 1 another random part each time.
    #[arg(long)]
    pub share: f64,
    /// On average: a write has the whole number below or above.
    #[arg(long)]
    pub messages_a_write: f64,
    #[arg(long)]
    pub bytes_a_message: f64,
    /// Bytes of a frame that goes out with the answer to an upgrade, in the same write; 0 for none.
    #[arg(long, default_value_t = 0)]
    pub greeting_bytes: usize,
}

impl Work {
    pub fn start(&self, places: &Places) -> io::Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(ROLE).args([
            format!("--rounds-per-s={}", self.rounds_per_s),
            format!("--share={}", self.share),
            format!("--messages-a-write={}", self.messages_a_write),
            format!("--bytes-a-message={}", self.bytes_a_message),
            format!("--greeting-bytes={}", self.greeting_bytes),
        ]);
        Server::start("floor", &mut command, places)
    }

    pub fn messages_per_s(&self, clients: usize) -> f64 {
        self.rounds_per_s * self.share * clients as f64 * self.messages_a_write
    }
}

pub fn serve(arguments: impl Iterator<Item = String>) -> io::Result<()> {
    let work = Work::parse_from(arguments);
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    listener.listen(4096)?;
    listener.set_nonblocking(true)?;
    let listener: TcpListener = listener.into();
    println!("listening on http://{}", listener.local_addr()?);
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let blobs = [Blob::new(work.messages_a_write, &work), Blob::new(work.messages_a_write + 1.0, &work)];
    let random = Pcg64Mcg::seed_from_u64(7);
    let greeting = match work.greeting_bytes {
        0 => Vec::new(),
        bytes => {
            frames::plain(frames::TEXT, format!("{{{}}}", " ".repeat(bytes.saturating_sub(2))).as_bytes())
        }
    };
    Floor { work, greeting, epoll, listener, clients: Vec::new(), open: Vec::new(), blobs, owed: 0.0, random }
        .run()
}

struct Floor {
    work: Work,
    greeting: Vec<u8>,
    epoll: OwnedFd,
    listener: TcpListener,
    clients: Vec<Option<Client>>,
    /// Places of the clients that are upgraded; in each round the first ones are the chosen.
    open: Vec<usize>,
    /// With fewer and with more messages.
    blobs: [Blob; 2],
    /// Messages by which the writes so far are short of the average.
    owed: f64,
    random: Pcg64Mcg,
}

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    /// What the socket did not take of a frame: it has to be finished before the next.
    rest: Vec<u8>,
}

/// A ready frame.
struct Blob {
    bytes: Vec<u8>,
    messages: f64,
    /// Where the times are, that each round sets.
    ts_at: Vec<usize>,
}

const LISTENER: u64 = u64::MAX;
const TS_KEY: &[u8] = br#""ts":"#;
const TS_DIGITS: usize = 16;
const MESSAGE: &str = r#"{"type":"update","symbol":"S0000","ts":1111111111111111,"pad":""}"#;

impl Blob {
    fn new(messages: f64, work: &Work) -> Blob {
        let count = (messages.floor() as usize).max(1);
        // A head of 4 bytes, brackets and commas are in a write, too.
        let frame_bytes = (work.bytes_a_message * count as f64) as usize;
        let bytes_a_message = frame_bytes.saturating_sub(4 + 1 + count) / count;
        let pad = "x".repeat(bytes_a_message.saturating_sub(MESSAGE.len()));
        let message = format!("{}{pad}\"}}", MESSAGE.strip_suffix("\"}").expect("it ends so"));
        let payload = format!("[{}]", vec![message; count].join(","));
        let bytes = frames::plain(frames::TEXT, payload.as_bytes());
        let ts_at = memchr::memmem::find_iter(&bytes, TS_KEY).map(|at| at + TS_KEY.len()).collect();
        Blob { bytes, messages: count as f64, ts_at }
    }

    fn stamp(&mut self, now_us: u64) {
        for at in &self.ts_at {
            write_digits(now_us, &mut self.bytes[*at..*at + TS_DIGITS]);
        }
    }
}

impl Floor {
    fn run(mut self) -> io::Result<()> {
        let interval = Duration::from_secs_f64(1.0 / self.work.rounds_per_s);
        let mut events = Vec::with_capacity(1024);
        let mut buffer = vec![0; 16 * 1024];
        let mut next = Instant::now() + interval;
        loop {
            let wait = next.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    key => self.hear(key as usize, &mut buffer),
                }
            }
            if Instant::now() >= next {
                self.round();
                // A round that is late does not delay the next, unless all time is used up.
                next = (next + interval).max(Instant::now());
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let key = self.clients.len();
            epoll::add(&self.epoll, &stream, EventData::new_u64(key as u64), EventFlags::IN)?;
            self.clients.push(Some(Client { stream, request: Vec::new(), rest: Vec::new() }));
        }
        Ok(())
    }

    /// A request for an upgrade, or the end.
    fn hear(&mut self, key: usize, buffer: &mut [u8]) {
        let Some(client) = &mut self.clients[key] else { return };
        let heard = match client.stream.read(buffer) {
            Ok(0) | Err(_) => return self.forget(key),
            Ok(length) => &buffer[..length],
        };
        client.request.extend_from_slice(heard);
        if !client.request.ends_with(b"\r\n\r\n") {
            return;
        }
        let request = String::from_utf8_lossy(&client.request).into_owned();
        client.request = Vec::new();
        let asked = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let Some(asked) = asked else { return self.forget(key) };
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(asked.as_bytes())
        );
        let answer = [response.as_bytes(), &self.greeting].concat();
        match client.stream.write_all(&answer) {
            Ok(()) => self.open.push(key),
            Err(_) => self.forget(key),
        }
    }

    fn forget(&mut self, key: usize) {
        self.clients[key] = None;
        self.open.retain(|open| *open != key);
    }

    fn round(&mut self) {
        let now_us = now_us();
        self.blobs.iter_mut().for_each(|blob| blob.stamp(now_us));
        let chosen = (self.open.len() as f64 * self.work.share).round() as usize;
        for place in 0..chosen.min(self.open.len()) {
            if self.work.share < 1.0 {
                let other = self.random.random_range(place..self.open.len());
                self.open.swap(place, other);
            }
            let blob = &self.blobs[usize::from(self.owed >= 1.0)];
            self.owed += self.work.messages_a_write - blob.messages;
            let Some(client) = &mut self.clients[self.open[place]] else { continue };
            client.write(&blob.bytes);
        }
    }
}

impl Client {
    /// A socket that is full loses the frame; one that takes a part gets the rest before the next.
    fn write(&mut self, frame: &[u8]) {
        if !self.rest.is_empty() {
            let Ok(taken) = self.stream.write(&self.rest) else { return };
            self.rest.drain(..taken);
            if !self.rest.is_empty() {
                return;
            }
        }
        if let Ok(taken) = self.stream.write(frame) {
            self.rest.extend_from_slice(&frame[taken..]);
        }
    }
}
