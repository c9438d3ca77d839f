//! The network of the simulation: connections whose bytes take time, come in parts, get stuck, or are lost.
//!
//! A connection is two pipes. Bytes that are written to a pipe are first in the writer's kernel, which takes no more than
//! its capacity. They travel at the link's rate, at most as far ahead of the reader as its window (and the buffer of a
//! proxy, if there is one) allows, arrive after the link's delay, and wait until the reader reads them. All of it follows
//! from the world's clock and the connection's own random numbers.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tickcast::{clock::Clock, limits::NOTSENT_LOWAT_BYTES, session::socket::SessionSocket, tick::Nanos};

/// How a connection carries bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LinkPlan {
    pub delay_us: u64,
    /// Towards the client.
    pub bytes_a_ms: u64,
    /// Of the server's kernel.
    pub send_buffer: usize,
    /// Of the client's kernel.
    pub window: usize,
    /// Of a proxy between them, which takes bytes before the client does.
    pub proxy: usize,
    /// Of a hundred writes, those that are taken only in part although there is room.
    pub partial_percent: u32,
}

/// What a call into the server's kernel costs its thread.
pub type CallNanos = u64;

#[derive(Debug)]
pub enum Event {
    /// Bytes leave the writer's kernel.
    Move(usize, Way),
    /// As many bytes have come to the reader's kernel.
    Arrive(usize, Way, u64),
    Timer(Waker),
    /// An event for the world.
    World(WorldEvent),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorldEvent {
    Client(usize),
    Feed(usize),
    Node(usize),
    Look,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Down,
    Up,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none rules out another")]
#[derive(Default)]
pub struct Pipe {
    /// Given by the writer and not read.
    bytes: VecDeque<u8>,
    pub given: u64,
    pub sent: u64,
    pub arrived: u64,
    pub read: u64,
    capacity: u64,
    window: u64,
    bytes_a_ms: u64,
    delay_nanos: u64,
    is_moving: bool,
    /// The writer has ended its side; the reader knows.
    is_ended: bool,
    end_arrived: bool,
    /// The writer was refused and has not been asked for more.
    pub is_refused: bool,
    /// When a byte was last taken from the writer, or came to the reader.
    pub progress_at: Nanos,
    /// The longest time without progress while the writer was refused.
    pub longest_stall: u64,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none rules out another")]
pub struct Link {
    pub client: usize,
    pub down: Pipe,
    pub up: Pipe,
    pub plan: LinkPlan,
    random: Pcg64Mcg,
    read_waker: Option<Waker>,
    write_waker: Option<Waker>,
    /// All bytes are lost from now on, and neither end is notified.
    is_cut: bool,
    is_reset: bool,
    pub server_closed: bool,
    /// When the client last sent what proves that it reads: a pong or an `ack`.
    pub proved_at: Nanos,
    /// Bytes towards the client that a reset has taken.
    pub lost_bytes: bool,
    /// What was written towards the client, and when; kept where [`Network::keeps_writes`].
    pub writes: Vec<(Nanos, Vec<u8>)>,
    /// How many bytes had been taken towards the client when the server last read from it: (up, down).
    pub marks: VecDeque<(u64, u64)>,
}

pub struct Network {
    pub clock: Clock,
    pub links: Vec<Link>,
    events: BTreeMap<(Nanos, u64), Event>,
    serial: u64,
    pub call_nanos: CallNanos,
    /// Writes are kept, each with its time.
    pub keeps_writes: bool,
}

pub type Net = Rc<RefCell<Network>>;

/// The server's end of a connection.
pub struct SimSocket {
    pub net: Net,
    pub link: usize,
}

/// The receive window of a client that keeps up, as systems give it.
const WINDOW_OF_READER_BYTES: u64 = 256 * 1024;
/// Bytes that leave at once.
const SEGMENT_BYTES: u64 = 4 * 1_448;

impl Pipe {
    fn new(capacity: usize, window: usize, bytes_a_ms: u64, delay_us: u64, now: Nanos) -> Self {
        Pipe {
            capacity: capacity as u64,
            window: window as u64,
            bytes_a_ms,
            delay_nanos: delay_us * 1_000,
            progress_at: now,
            ..Pipe::default()
        }
    }

    fn unsent(&self) -> u64 {
        self.given - self.sent
    }

    fn room(&self) -> u64 {
        if self.unsent() >= NOTSENT_LOWAT_BYTES as u64 {
            return 0;
        }
        self.capacity.saturating_sub(self.given - self.arrived)
    }

    /// Bytes that the reader could read now.
    pub fn readable(&self) -> u64 {
        self.arrived - self.read
    }

    pub fn is_at_end(&self) -> bool {
        self.end_arrived && self.readable() == 0 && self.given == self.arrived
    }

    fn next_move(&self) -> u64 {
        self.unsent().min(self.window.saturating_sub(self.sent - self.read)).min(SEGMENT_BYTES)
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let bytes = buffer.len().min(self.readable() as usize);
        for (slot, byte) in buffer.iter_mut().zip(self.bytes.drain(..bytes)) {
            *slot = byte;
        }
        self.read += bytes as u64;
        bytes
    }

    fn note_progress(&mut self, now: Nanos) {
        if self.is_refused {
            self.longest_stall = self.longest_stall.max(now.since(self.progress_at));
        }
        self.progress_at = now;
    }
}

impl Network {
    pub fn new(clock: Clock, call_nanos: CallNanos) -> Net {
        let network = Network {
            clock,
            links: Vec::new(),
            events: BTreeMap::new(),
            serial: 0,
            call_nanos,
            keeps_writes: false,
        };
        Rc::new(RefCell::new(network))
    }

    pub fn at(&mut self, time: Nanos, event: Event) {
        self.serial += 1;
        self.events.insert((time.max(self.clock.now()), self.serial), event);
    }

    pub fn next_at(&self) -> Option<Nanos> {
        self.events.first_key_value().map(|((time, _), _)| *time)
    }

    /// Carries out what is due, but for what is the world's.
    pub fn pop_due(&mut self) -> Option<WorldEvent> {
        while self.next_at().is_some_and(|time| time <= self.clock.now()) {
            let (_, event) = self.events.pop_first()?;
            match event {
                Event::Move(link, way) => self.leave(link, way),
                Event::Arrive(link, way, bytes) => self.arrive(link, way, bytes),
                Event::Timer(waker) => waker.wake(),
                Event::World(event) => return Some(event),
            }
        }
        None
    }

    /// A connection of a client, with its seed.
    pub fn connect(&mut self, client: usize, plan: &LinkPlan, seed: u64) -> usize {
        let now = self.clock.now();
        let down = Pipe::new(plan.send_buffer, plan.window + plan.proxy, plan.bytes_a_ms, plan.delay_us, now);
        let up = Pipe::new(1 << 20, 64 * 1024, 10_000, plan.delay_us, now);
        self.links.push(Link {
            client,
            down,
            up,
            plan: *plan,
            random: Pcg64Mcg::seed_from_u64(seed),
            read_waker: None,
            write_waker: None,
            is_cut: false,
            is_reset: false,
            server_closed: false,
            proved_at: now,
            lost_bytes: false,
            writes: Vec::new(),
            marks: VecDeque::new(),
        });
        self.links.len() - 1
    }

    fn pipe(&mut self, link: usize, way: Way) -> &mut Pipe {
        let link = &mut self.links[link];
        match way {
            Way::Down => &mut link.down,
            Way::Up => &mut link.up,
        }
    }

    /// Sets a pipe moving that has something to move.
    fn kick(&mut self, link: usize, way: Way) {
        let now = self.clock.now();
        if self.links[link].is_cut {
            return;
        }
        let pipe = self.pipe(link, way);
        let bytes = pipe.next_move();
        if !pipe.is_moving && bytes > 0 {
            pipe.is_moving = true;
            let nanos = (bytes * 1_000_000 / pipe.bytes_a_ms.max(1)).max(1_000);
            self.at(now.plus(Duration::from_nanos(nanos)), Event::Move(link, way));
        }
    }

    fn leave(&mut self, link: usize, way: Way) {
        let now = self.clock.now();
        let is_cut = self.links[link].is_cut;
        let pipe = self.pipe(link, way);
        pipe.is_moving = false;
        let bytes = pipe.next_move();
        if is_cut || bytes == 0 {
            return;
        }
        pipe.sent += bytes;
        let arrives = now.plus(Duration::from_nanos(pipe.delay_nanos));
        self.at(arrives, Event::Arrive(link, way, bytes));
        self.kick(link, way);
        self.wake_writer(link, way);
    }

    fn wake_writer(&mut self, link: usize, way: Way) {
        let link = &mut self.links[link];
        if way == Way::Down
            && link.down.room() > 0
            && let Some(waker) = link.write_waker.take()
        {
            waker.wake();
        }
    }

    fn arrive(&mut self, link: usize, way: Way, bytes: u64) {
        let now = self.clock.now();
        if self.links[link].is_cut {
            return;
        }
        let pipe = self.pipe(link, way);
        pipe.arrived += bytes;
        if bytes > 0 {
            pipe.note_progress(now);
        }
        pipe.end_arrived |= pipe.is_ended;
        match way {
            Way::Down => {
                self.wake_writer(link, way);
                let client = self.links[link].client;
                self.at(now, Event::World(WorldEvent::Client(client)));
            }
            Way::Up => self.wake_reader(link),
        }
    }

    fn wake_reader(&mut self, link: usize) {
        if let Some(waker) = self.links[link].read_waker.take() {
            waker.wake();
        }
    }

    /// A client's bytes.
    pub fn client_sends(&mut self, link: usize, bytes: &[u8]) {
        if self.links[link].server_closed {
            self.links[link].is_reset = true;
            return;
        }
        let up = &mut self.links[link].up;
        up.bytes.extend(bytes);
        up.given += bytes.len() as u64;
        self.kick(link, Way::Up);
    }

    /// What a client reads, at most so many bytes.
    pub fn client_reads(&mut self, link: usize, most: usize) -> Vec<u8> {
        let down = &mut self.links[link].down;
        let mut buffer = vec![0; most.min(down.readable() as usize)];
        let bytes = down.take(&mut buffer);
        buffer.truncate(bytes);
        self.kick(link, Way::Down);
        buffer
    }

    /// From now on every link is as good as one can be. Its window is that of a reader that keeps up: a small one lets a
    /// long backlog through a distant link for minutes.
    pub fn widen(&mut self) {
        for link in 0..self.links.len() {
            let down = &mut self.links[link].down;
            down.bytes_a_ms = 50_000;
            down.window = down.window.max(WINDOW_OF_READER_BYTES);
            self.kick(link, Way::Down);
        }
    }

    /// A client has nothing more to say.
    pub fn client_ends(&mut self, link: usize) {
        let arrives = self.clock.now().plus(Duration::from_micros(self.links[link].plan.delay_us + 100));
        self.links[link].up.is_ended = true;
        self.at(arrives, Event::Arrive(link, Way::Up, 0));
    }

    /// A client has gone, and its system says so.
    pub fn client_resets(&mut self, link: usize) {
        let link_ = &mut self.links[link];
        (link_.is_reset, link_.lost_bytes) = (true, true);
        let wakers = [link_.read_waker.take(), link_.write_waker.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// A client has gone without a close or a reset.
    pub fn client_vanishes(&mut self, link: usize) {
        (self.links[link].is_cut, self.links[link].lost_bytes) = (true, true);
    }
}

impl Link {
    /// The connection is over, as its client sees it.
    pub fn is_over_for_client(&self) -> bool {
        self.is_reset || self.down.is_at_end()
    }
}

impl SimSocket {
    fn write(&self, runs: [&[u8]; 2]) -> io::Result<usize> {
        let mut net = self.net.borrow_mut();
        let (now, keeps_writes) = (net.clock.now(), net.keeps_writes);
        net.clock.advance(now.plus(Duration::from_nanos(net.call_nanos)));
        let link = &mut net.links[self.link];
        if link.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let whole = runs[0].len() + runs[1].len();
        let mut taken = whole.min(link.down.room() as usize);
        if taken > 1 && link.random.random_range(0..100) < link.plan.partial_percent {
            taken = link.random.random_range(1..=taken);
        }
        if taken < whole {
            if !link.down.is_refused {
                link.down.progress_at = now;
            }
            link.down.is_refused = true;
        } else {
            link.down.is_refused = false;
        }
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let first = taken.min(runs[0].len());
        link.down.bytes.extend(&runs[0][..first]);
        link.down.bytes.extend(&runs[1][..taken - first]);
        link.down.given += taken as u64;
        if keeps_writes {
            let bytes = [&runs[0][..first], &runs[1][..taken - first]].concat();
            link.writes.push((now, bytes));
        }
        link.down.note_progress(now);
        net.kick(self.link, Way::Down);
        Ok(taken)
    }
}

impl SessionSocket for SimSocket {
    type Timer = Timer;

    fn timer(&self, after: Duration) -> Timer {
        let at = self.net.borrow().clock.now().plus(after);
        Timer { net: Rc::clone(&self.net), at, waker: None }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.write([bytes, &[]])
    }

    fn send_both(&self, first: &[u8], then: &[u8]) -> io::Result<usize> {
        self.write([first, then])
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut net = self.net.borrow_mut();
        let link = &mut net.links[self.link];
        if link.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        // Now and then less than there is: a read ends where a segment did.
        let most = buffer.len().min(link.up.readable() as usize);
        let most = if most > 1 && link.random.random_range(0..8) == 0 {
            link.random.random_range(1..=most)
        } else {
            most
        };
        let bytes = link.up.take(&mut buffer[..most]);
        if bytes == 0 {
            return if link.up.is_at_end() { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        link.marks.push_back((link.up.read, link.down.given));
        net.kick(self.link, Way::Up);
        Ok(bytes)
    }

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let link = &mut self.net.borrow_mut().links[self.link];
        if link.is_reset || link.up.readable() > 0 || link.up.is_at_end() {
            return Poll::Ready(Ok(()));
        }
        link.read_waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let link = &mut self.net.borrow_mut().links[self.link];
        if link.is_reset || link.down.room() > 0 {
            return Poll::Ready(Ok(()));
        }
        link.write_waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn unsent_bytes(&self) -> usize {
        self.net.borrow().links[self.link].down.unsent() as usize
    }

    fn unacknowledged_bytes(&self) -> usize {
        let down = &self.net.borrow().links[self.link].down;
        (down.given - down.arrived) as usize
    }

    fn end_writing(&self) {
        let mut net = self.net.borrow_mut();
        let link = &mut net.links[self.link];
        link.down.is_ended = true;
        let arrives = net.clock.now().plus(Duration::from_micros(net.links[self.link].plan.delay_us + 100));
        net.at(arrives, Event::Arrive(self.link, Way::Down, 0));
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        self.end_writing();
        let mut net = self.net.borrow_mut();
        let link = &mut net.links[self.link];
        link.server_closed = true;
        if link.up.readable() > 0 {
            // What was not read is answered by a reset, which overtakes what was sent.
            (link.is_reset, link.lost_bytes) = (true, true);
        }
    }
}

/// A time to come.
pub struct Timer {
    net: Net,
    at: Nanos,
    /// The waker of the last task that polled.
    waker: Option<Waker>,
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        if self.net.borrow().clock.now() >= at {
            return Poll::Ready(());
        }
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            self.waker = Some(context.waker().clone());
            self.net.borrow_mut().at(at, Event::Timer(context.waker().clone()));
        }
        Poll::Pending
    }
}
