//! A venue on loopback that speaks Binance's protocol: it acknowledges subscriptions, and sends what is due on the
//! connections that have the streams. One thread, which looks at all of it in turn and rests in between.
//!
//! A trade's size is the time at which it was written, in seconds, so that whoever receives it knows its age. Its number
//! is one more than that of the symbol's trade before it, as the venue counts them.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{frames, lines::now_us, machine};

/// What the thread is told, and tells.
#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    /// Messages a second over all symbols.
    rate: AtomicU64,
    /// Streams that are subscribed to.
    streams: AtomicUsize,
    sent: AtomicU64,
}

pub struct Venue {
    pub port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// One connection.
struct Peer {
    stream: TcpStream,
    heard: Vec<u8>,
    is_upgraded: bool,
    /// What its socket has not taken.
    unsent: Vec<u8>,
}

/// The venue's state.
struct Script {
    listener: TcpListener,
    shared: Arc<Shared>,
    symbols: Vec<String>,
    peers: Vec<Option<Peer>>,
    /// Which connections have a stream.
    subscribed: HashMap<String, Vec<usize>>,
    /// Messages since the rate began, and when that was.
    given: u64,
    rate: u64,
    since: Instant,
    /// Of each symbol: the number of its last trade.
    trades: Vec<u64>,
}

/// Of five messages one is a trade.
const MESSAGES_A_TRADE: u64 = 5;
const REST: Duration = Duration::from_micros(200);

impl Venue {
    pub fn start(symbols: Vec<String>) -> io::Result<Venue> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let (port, shared) = (listener.local_addr()?.port(), Arc::<Shared>::default());
        let script = Script {
            listener,
            shared: Arc::clone(&shared),
            trades: vec![100_000_000; symbols.len()],
            symbols,
            peers: Vec::new(),
            subscribed: HashMap::new(),
            given: 0,
            rate: 0,
            since: Instant::now(),
        };
        let thread = thread::Builder::new().name("venue".to_owned()).spawn(move || {
            machine::pin(machine::LOAD_CORE)?;
            script.run()
        })?;
        Ok(Venue { port, shared, thread: Some(thread) })
    }

    /// So many messages a second from now on.
    pub fn run_at(&self, rate: u64) {
        self.shared.rate.store(rate, Ordering::Relaxed);
    }

    /// Streams that are subscribed to, by all connections.
    pub fn streams(&self) -> usize {
        self.shared.streams.load(Ordering::Relaxed)
    }

    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("venue: {error}");
        }
    }
}

impl Script {
    fn run(mut self) -> io::Result<()> {
        while !self.shared.is_over.load(Ordering::Relaxed) {
            while let Ok((stream, _)) = self.listener.accept() {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                let peer = Peer { stream, heard: Vec::new(), is_upgraded: false, unsent: Vec::new() };
                self.peers.push(Some(peer));
            }
            for number in 0..self.peers.len() {
                if self.hear(number).is_err() {
                    self.peers[number] = None;
                }
            }
            self.send_due();
            thread::sleep(REST);
        }
        Ok(())
    }

    /// Reads what has come from one connection, and answers it.
    fn hear(&mut self, number: usize) -> io::Result<()> {
        let Some(peer) = &mut self.peers[number] else { return Ok(()) };
        let mut buffer = [0; 16 * 1024];
        match peer.stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => peer.heard.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        if !peer.is_upgraded && !peer.upgrade() {
            return Ok(());
        }
        while let Some((opcode, payload)) = peer.take_frame() {
            match opcode {
                frames::PING => peer.unsent.extend(frames::plain(frames::PONG, &payload)),
                frames::TEXT => {
                    let text = String::from_utf8_lossy(&payload);
                    let id = text.split(r#""id":"#).nth(1).unwrap_or_default();
                    let id: String = id.chars().take_while(char::is_ascii_digit).collect();
                    let answer = format!(r#"{{"result":null,"id":{id}}}"#);
                    peer.unsent.extend(frames::plain(frames::TEXT, answer.as_bytes()));
                    for stream in text.split('"').filter(|part| part.contains('@')) {
                        self.subscribed.entry(stream.to_owned()).or_default().push(number);
                        self.shared.streams.fetch_add(1, Ordering::Relaxed);
                    }
                }
                _ => {}
            }
        }
        peer.flush()
    }

    fn send_due(&mut self) {
        let rate = self.shared.rate.load(Ordering::Relaxed);
        if rate != self.rate {
            (self.rate, self.given, self.since) = (rate, 0, Instant::now());
        }
        let due = (self.since.elapsed().as_secs_f64() * rate as f64) as u64;
        for message in self.given..due {
            self.send(message);
        }
        self.given = self.given.max(due);
        for peer in self.peers.iter_mut().flatten() {
            // Who has gone is found by reading.
            let _ = peer.flush();
        }
    }

    /// The next message, to all who have its stream.
    fn send(&mut self, message: u64) {
        let at = (message / MESSAGES_A_TRADE) as usize % self.symbols.len();
        let (symbol, is_trade) = (&self.symbols[at], message.is_multiple_of(MESSAGES_A_TRADE));
        let now_us = now_us();
        let (millis, cents) = (now_us / 1000, message % 100);
        // Of a quote; it rises also over changes of the rate.
        let number = self.shared.sent.load(Ordering::Relaxed) + 1;
        let stream = format!("{}@{}", symbol.to_lowercase(), if is_trade { "trade" } else { "bookTicker" });
        let data = if is_trade {
            self.trades[at] += 1;
            let (number, seconds, micros) = (self.trades[at], now_us / 1_000_000, now_us % 1_000_000);
            format!(
                r#"{{"e":"trade","E":{millis},"s":"{symbol}","t":{number},"p":"87232.{cents:02}000000","q":"{seconds}.{micros:06}00","T":{millis},"m":true,"M":true}}"#
            )
        } else {
            format!(
                r#"{{"u":{number},"s":"{symbol}","b":"87232.{cents:02}000000","B":"4.21000000","a":"87233.{cents:02}000000","A":"3.66000000"}}"#
            )
        };
        let Some(peers) = self.subscribed.get(&stream) else { return };
        let frame =
            frames::plain(frames::TEXT, format!(r#"{{"stream":"{stream}","data":{data}}}"#).as_bytes());
        for peer in peers {
            if let Some(peer) = &mut self.peers[*peer] {
                peer.unsent.extend_from_slice(&frame);
                self.shared.sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Peer {
    /// Answers an upgrade that is whole.
    fn upgrade(&mut self) -> bool {
        let Some(end) = memchr::memmem::find(&self.heard, b"\r\n\r\n") else { return false };
        let head = String::from_utf8_lossy(&self.heard[..end]).into_owned();
        let key = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
        });
        let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
        self.unsent.extend_from_slice(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
        self.heard.drain(..end + 4);
        self.is_upgraded = true;
        true
    }

    /// The next frame of the client that is whole.
    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (opcode, short) = (self.heard.first()? & 0x0f, self.heard.get(1)? & 0x7f);
        let (length, head) = match short {
            126 => (usize::from(u16::from_be_bytes(self.heard.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(self.heard.get(2..10)?.try_into().ok()?) as usize, 10),
            short => (usize::from(short), 2),
        };
        let mask: [u8; 4] = self.heard.get(head..head + 4)?.try_into().ok()?;
        let payload = self.heard.get(head + 4..head + 4 + length)?;
        let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        self.heard.drain(..head + 4 + length);
        Some((opcode, payload))
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(taken) => drop(self.unsent.drain(..taken)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
