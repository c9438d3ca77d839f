//! Ticks into a server, by the clock: an open loop, in which a late chunk does not delay the next.
//!
//! A tick's `ts` is the moment of its writing; what that was behind the moment when it was due is kept apart, as lag,
//! and counts with the age wherever a limit on ages is judged.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{
    lines::{Lines, Wrapping},
    machine,
};

/// How fast ticks are due.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pace {
    pub ticks_per_s: f64,
    /// What is due is looked for this often, and written at one go.
    pub chunk: Duration,
}

pub struct Feeder {
    orders: Sender<Order>,
    written: Arc<Mutex<Written>>,
    thread: Option<JoinHandle<()>>,
}

/// What was written since the last look.
pub struct Written {
    pub ticks: u64,
    /// Of each chunk, in microseconds.
    pub lag_us: Histogram<u64>,
    /// The time of each symbol's newest tick.
    pub heads_us: Vec<u64>,
    /// Why the feeder ended before it was stopped.
    pub broken: Option<String>,
}

enum Order {
    Run(Pace),
    /// As fast as the server takes them.
    Flood,
    Rest(Sender<()>),
    /// So many ticks at once.
    Now(usize, Sender<()>),
}

pub const CHUNK: Duration = Duration::from_millis(1);
/// Ticks that are rendered before they are written, when many are due at once.
/// Longer than a server takes for what is in its pipe.
const ANSWER_MAX: Duration = Duration::from_secs(60);
const TICKS_A_WRITE: usize = 512;
const FLOOD_TICKS: usize = 8192;

impl Pace {
    pub fn new(ticks_per_s: f64) -> Pace {
        Pace { ticks_per_s, chunk: CHUNK }
    }
}

impl Feeder {
    pub fn start(sink: Box<dyn Write + Send>, symbols: usize, wrapping: Wrapping) -> Feeder {
        let (orders, inbox) = channel();
        let written = Arc::new(Mutex::new(Written::new(symbols)));
        let shared = Arc::clone(&written);
        let thread = thread::Builder::new().name("feeder".to_owned()).spawn(move || {
            machine::pin(machine::LOAD_CORE).expect("the load's core is there");
            let lines = Lines::new(symbols, wrapping);
            let mut writer = Writer { sink, lines, buffer: Vec::new(), written: Arc::clone(&shared) };
            if let Err(error) = writer.run(&inbox) {
                lock(&shared).broken = Some(error.to_string());
            }
        });
        Feeder { orders, written, thread: Some(thread.expect("a thread starts")) }
    }

    pub fn run(&self, pace: Pace) {
        // When the feeder has ended, `take` says why.
        let _ = self.orders.send(Order::Run(pace));
    }

    /// As fast as the server takes them. The same block of lines over and over: their times do not count.
    pub fn flood(&self) {
        let _ = self.orders.send(Order::Flood);
    }

    /// Returns when nothing more will be written.
    pub fn rest(&self) -> io::Result<()> {
        self.ask(Order::Rest)
    }

    /// Writes so many ticks now, and returns when they are written.
    pub fn now(&self, ticks: usize) -> io::Result<()> {
        self.ask(|done| Order::Now(ticks, done))
    }

    fn ask(&self, order: impl FnOnce(Sender<()>) -> Order) -> io::Result<()> {
        let (done, answer) = channel();
        let _ = self.orders.send(order(done));
        answer.recv_timeout(ANSWER_MAX).map_err(|_| io::Error::other("the server takes no more ticks"))
    }

    /// What was written since this was last asked.
    pub fn take(&self) -> Written {
        let mut written = lock(&self.written);
        let fresh = Written { heads_us: written.heads_us.clone(), ..Written::new(0) };
        std::mem::replace(&mut *written, fresh)
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        let (none, _) = channel();
        drop(std::mem::replace(&mut self.orders, none));
        // The server has been ended, so that a write to it fails rather than waits.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Written {
    fn new(symbols: usize) -> Written {
        let lag_us = Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds are in order");
        Written { ticks: 0, lag_us, heads_us: vec![0; symbols], broken: None }
    }

    pub fn lag_p99_ms(&self) -> f64 {
        self.lag_us.value_at_quantile(0.99) as f64 / 1e3
    }
}

fn lock(written: &Mutex<Written>) -> std::sync::MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer {
    sink: Box<dyn Write + Send>,
    lines: Lines,
    buffer: Vec<u8>,
    written: Arc<Mutex<Written>>,
}

/// Since when a pace holds, and how far it has come.
struct Schedule {
    pace: Pace,
    since: Instant,
    chunks: u32,
    ticks: u64,
}

impl Writer {
    fn run(&mut self, orders: &Receiver<Order>) -> io::Result<()> {
        let mut schedule: Option<Schedule> = None;
        let mut next_order = None;
        loop {
            let order = match (next_order.take(), &schedule) {
                (Some(order), _) => Ok(order),
                (None, None) => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
                (None, Some(schedule)) => orders.recv_timeout(schedule.until_next()),
            };
            match order {
                Ok(Order::Run(pace)) => {
                    schedule = Some(Schedule { pace, since: Instant::now(), chunks: 0, ticks: 0 });
                }
                Ok(Order::Flood) => {
                    schedule = None;
                    next_order = self.flood(orders)?;
                    if next_order.is_none() {
                        return Ok(());
                    }
                }
                Ok(Order::Rest(done)) => {
                    schedule = None;
                    let _ = done.send(());
                }
                Ok(Order::Now(ticks, done)) => {
                    self.write(ticks, None)?;
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(schedule) = &mut schedule {
                        let due_at = schedule.next();
                        let ticks = schedule.take_due();
                        self.write(ticks, Some(due_at))?;
                    }
                }
            }
        }
    }

    /// Runs until there is another order, or the sender of orders is gone.
    fn flood(&mut self, orders: &Receiver<Order>) -> io::Result<Option<Order>> {
        let mut block = Vec::new();
        self.lines.render(FLOOD_TICKS, &mut block);
        loop {
            match orders.try_recv() {
                Ok(order) => return Ok(Some(order)),
                Err(TryRecvError::Disconnected) => return Ok(None),
                Err(TryRecvError::Empty) => {}
            }
            self.sink.write_all(&block)?;
            lock(&self.written).ticks += FLOOD_TICKS as u64;
        }
    }

    fn write(&mut self, ticks: usize, due_at: Option<Instant>) -> io::Result<()> {
        let lag = due_at.map(|due_at| due_at.elapsed());
        let mut left = ticks;
        while left > 0 {
            let count = left.min(TICKS_A_WRITE);
            self.buffer.clear();
            self.lines.render(count, &mut self.buffer);
            self.sink.write_all(&self.buffer)?;
            left -= count;
        }
        if ticks > 0 {
            let mut written = lock(&self.written);
            written.ticks += ticks as u64;
            written.heads_us.copy_from_slice(&self.lines.heads_us);
            if let Some(lag) = lag {
                written.lag_us.saturating_record(lag.as_micros() as u64);
            }
        }
        Ok(())
    }
}

impl Schedule {
    /// When the next chunk is due.
    fn next(&self) -> Instant {
        self.since + self.pace.chunk * (self.chunks + 1)
    }

    fn until_next(&self) -> Duration {
        self.next().saturating_duration_since(Instant::now())
    }

    /// Ticks of all chunks that are due by now and have not been taken.
    fn take_due(&mut self) -> usize {
        let elapsed_s = self.since.elapsed().as_secs_f64();
        self.chunks = (elapsed_s / self.pace.chunk.as_secs_f64()) as u32;
        let until_s = f64::from(self.chunks) * self.pace.chunk.as_secs_f64();
        // A little more than exact, so that a whole number of ticks a chunk stays one.
        let due = (self.pace.ticks_per_s * until_s + 1e-6) as u64;
        let fresh = due - self.ticks.min(due);
        self.ticks += fresh;
        fresh as usize
    }
}
