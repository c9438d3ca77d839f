//! The clients: thousands of them on one thread, which count what they are sent and look at how old it is.
//!
//! It parses no JSON, so that it is not what is measured: it walks the heads of frames, and counts objects, or the
//! messages of binary frames. A few clients look at each message's `ts`. They alone inflate what is compressed; of the
//! others' compressed frames only the number and the bytes are known.

pub mod binary;
mod client;
mod engine;
pub mod inflate;
mod link;
mod look;
mod plan;
mod tally;

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::OwnedFd,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::event::{EventfdFlags, eventfd};

use crate::machine;

pub use plan::{Detail, Plan, Reading, Ready, Stream};
pub use tally::{Dialect, Tally};

pub struct Generator {
    orders: Sender<Order>,
    wakeup: Arc<OwnedFd>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// How a crowd came in.
pub struct Ramp {
    /// From the first connect until the last client was ready.
    pub seconds: f64,
    pub ready: usize,
    pub failed: usize,
    pub fault: Option<String>,
}

/// What was received since the last mark.
pub struct Mark {
    pub groups: Vec<Tally>,
    pub seconds: f64,
    /// Of the generator's thread.
    pub cpu_seconds: f64,
    /// Clients that are connected.
    pub open: usize,
    /// The first fault of any client.
    pub fault: Option<String>,
}

enum Order {
    /// So many of the plans at a time.
    Connect(SocketAddrV4, Vec<Plan>, usize, Sender<Ramp>),
    Mark(Sender<Mark>),
    ReadOn(usize),
    Heads(usize, Sender<Vec<HashMap<String, u64>>>),
    End,
}

/// Clients on their way in at a time: enough that the server never waits for the generator.
pub const IN_FLIGHT_MAX: usize = 256;
/// Longer than any ramp takes that is worth waiting for.
const ANSWER_MAX: Duration = Duration::from_secs(120);

impl Generator {
    pub fn start() -> io::Result<Generator> {
        let (orders, inbox) = channel();
        let wakeup = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let its_wakeup = Arc::clone(&wakeup);
        let thread = thread::Builder::new().name("generator".to_owned()).spawn(move || {
            machine::pin(machine::LOAD_CORE)?;
            engine::Engine::new(its_wakeup, inbox)?.run()
        })?;
        Ok(Generator { orders, wakeup, thread: Some(thread) })
    }

    /// Returns when every client is ready or has failed. So many of them are on their way in at a time.
    pub fn connect(&self, port: u16, plans: Vec<Plan>, at_once: usize) -> io::Result<Ramp> {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        self.ask(|answer| Order::Connect(address, plans, at_once, answer))
    }

    pub fn mark(&self) -> io::Result<Mark> {
        self.ask(Order::Mark)
    }

    /// Clients of a group that did not read, or at a pace, read all from now on.
    pub fn read_on(&self, group: usize) -> io::Result<()> {
        self.send(Order::ReadOn(group))
    }

    /// The newest tick of each symbol, of each client of a group.
    pub fn heads(&self, group: usize) -> io::Result<Vec<HashMap<String, u64>>> {
        self.ask(|answer| Order::Heads(group, answer))
    }

    fn ask<T>(&self, order: impl FnOnce(Sender<T>) -> Order) -> io::Result<T> {
        let (answer, answered) = channel();
        self.send(order(answer))?;
        answered.recv_timeout(ANSWER_MAX).map_err(|_| io::Error::other("the generator gave no answer"))
    }

    fn send(&self, order: Order) -> io::Result<()> {
        self.orders.send(order).map_err(|_| io::Error::other("the generator has failed"))?;
        rustix::io::write(&self.wakeup, &1_u64.to_ne_bytes())?;
        Ok(())
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        let _ = self.send(Order::End);
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("generator: {error}");
        }
    }
}
