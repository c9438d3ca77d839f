//! The generator's loop: one thread, one epoll, all clients.

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        mpsc::{Receiver, Sender},
    },
    time::{Duration, Instant},
};

use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, EventData, EventFlags},
    },
};
use rustls::ClientConnection;
use socket2::{Domain, Socket, Type};

use super::{
    Mark, Order, Ramp,
    client::{Client, Took},
    link::Link,
    plan::{Plan, Reading},
    tally::Tally,
};
use crate::{lines::now_us, machine, tls};

pub struct Engine {
    epoll: OwnedFd,
    wakeup: Arc<OwnedFd>,
    orders: Receiver<Order>,
    clients: Vec<Option<Client>>,
    tallies: Vec<Tally>,
    ramp: Option<Ramping>,
    /// Clients that read at a pace, and when they last did.
    paced: Vec<usize>,
    paced_at: Instant,
    marked_at: Instant,
    marked_cpu: Duration,
    buffer: Vec<u8>,
    /// The first thing that went wrong, for the report.
    fault: Option<String>,
}

/// Clients on their way in.
struct Ramping {
    address: SocketAddrV4,
    /// With what each has made for its handshake.
    waiting: VecDeque<(Plan, Option<Box<ClientConnection>>)>,
    in_flight: usize,
    at_once: usize,
    ready: usize,
    failed: usize,
    begun: Instant,
    answer: Sender<Ramp>,
}

/// Groups of clients that are counted apart.
pub const GROUPS: usize = 2;
const EVENTS_A_WAIT: usize = 1024;
const BUFFER_BYTES: usize = 128 * 1024;
const WAKEUP: u64 = u64::MAX;
/// How often paced clients read.
const PACE_INTERVAL: Duration = Duration::from_millis(5);
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// Connections come from so many addresses, so that no one runs out of ports.
const SOURCES: usize = 8;

impl Engine {
    pub fn new(wakeup: Arc<OwnedFd>, orders: Receiver<Order>) -> io::Result<Engine> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &wakeup, EventData::new_u64(WAKEUP), EventFlags::IN)?;
        Ok(Engine {
            epoll,
            wakeup,
            orders,
            clients: Vec::new(),
            tallies: (0..GROUPS).map(|_| Tally::default()).collect(),
            ramp: None,
            paced: Vec::new(),
            paced_at: Instant::now(),
            marked_at: Instant::now(),
            marked_cpu: machine::cpu_of_this_thread()?,
            buffer: vec![0; BUFFER_BYTES],
            fault: None,
        })
    }

    /// Runs until it is stopped.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_A_WAIT);
        loop {
            let wait = if self.paced.is_empty() { IDLE_WAIT } else { PACE_INTERVAL };
            let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                match event.data.u64() {
                    WAKEUP => {
                        rustix::io::read(&self.wakeup, &mut [0; 8])?;
                        if !self.obey()? {
                            return Ok(());
                        }
                    }
                    key => self.client_event(key as usize, event.flags)?,
                }
            }
            self.read_paced();
        }
    }

    /// Does what was asked; `false` when that is to end.
    fn obey(&mut self) -> io::Result<bool> {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Connect(address, plans, at_once, answer) => {
                    self.begin_ramp(address, plans, at_once, answer)?;
                }
                Order::Mark(answer) => {
                    let mark = self.mark()?;
                    let _ = answer.send(mark);
                }
                Order::ReadOn(group) => self.read_on(group)?,
                Order::Heads(group, answer) => {
                    let clients = self.clients.iter().flatten().filter(|client| client.plan.group == group);
                    let _ = answer.send(clients.map(|client| client.looks.heads_us.clone()).collect());
                }
                Order::End => return Ok(false),
            }
        }
        Ok(true)
    }

    fn mark(&mut self) -> io::Result<Mark> {
        let fresh = (0..GROUPS).map(|_| Tally::default()).collect();
        let (at, cpu) = (Instant::now(), machine::cpu_of_this_thread()?);
        let mark = Mark {
            groups: std::mem::replace(&mut self.tallies, fresh),
            seconds: (at - self.marked_at).as_secs_f64(),
            cpu_seconds: cpu.saturating_sub(self.marked_cpu).as_secs_f64(),
            open: self.clients.iter().flatten().filter(|client| client.ready).count(),
            fault: self.fault.clone(),
        };
        (self.marked_at, self.marked_cpu) = (at, cpu);
        Ok(mark)
    }

    fn begin_ramp(
        &mut self,
        address: SocketAddrV4,
        plans: Vec<Plan>,
        at_once: usize,
        answer: Sender<Ramp>,
    ) -> io::Result<()> {
        let made = plans.into_iter().map(|plan| {
            let made = plan.tls.as_ref().map(tls::Clients::client).transpose()?;
            Ok((plan, made))
        });
        let waiting = made.collect::<io::Result<_>>()?;
        let begun = Instant::now();
        (self.marked_at, self.marked_cpu) = (begun, machine::cpu_of_this_thread()?);
        self.ramp =
            Some(Ramping { address, waiting, in_flight: 0, at_once, ready: 0, failed: 0, begun, answer });
        self.connect_more()
    }

    fn connect_more(&mut self) -> io::Result<()> {
        let Some(ramp) = &mut self.ramp else { return Ok(()) };
        while ramp.in_flight < ramp.at_once {
            let Some((plan, made)) = ramp.waiting.pop_front() else { break };
            let key = self.clients.len();
            let stream = connect(ramp.address, key % SOURCES, plan.receive_buffer_bytes)?;
            let mut client = Client::new(Link::new(stream, made), plan);
            // On loopback a connection is usually established by now.
            let flags = if client.begin()? { EventFlags::IN } else { EventFlags::OUT };
            epoll::add(&self.epoll, &client.stream, EventData::new_u64(key as u64), flags)?;
            self.clients.push(Some(client));
            ramp.in_flight += 1;
        }
        if ramp.in_flight == 0 && ramp.waiting.is_empty() {
            let done = Ramp {
                seconds: ramp.begun.elapsed().as_secs_f64(),
                ready: ramp.ready,
                failed: ramp.failed,
                fault: self.fault.clone(),
            };
            let _ = ramp.answer.send(done);
            self.ramp = None;
        }
        Ok(())
    }

    fn client_event(&mut self, key: usize, flags: EventFlags) -> io::Result<()> {
        let Some(Some(client)) = self.clients.get_mut(key) else { return Ok(()) };
        if flags.contains(EventFlags::OUT) {
            return match client.begin() {
                Ok(true) => Ok(epoll::modify(
                    &self.epoll,
                    &client.stream,
                    EventData::new_u64(key as u64),
                    EventFlags::IN,
                )?),
                Ok(false) => Ok(()),
                Err(error) => self.lose(key, Some(&error)),
            };
        }
        let was_ready = client.ready;
        match client.read(&mut self.buffer, &mut self.tallies[client.plan.group], now_us) {
            Ok(Took::End) => self.lose(key, None),
            Err(error) => self.lose(key, Some(&error)),
            Ok(_) if client.ready && !was_ready => self.arrived(key),
            Ok(_) => Ok(()),
        }
    }

    fn arrived(&mut self, key: usize) -> io::Result<()> {
        if let Some(ramp) = &mut self.ramp {
            ramp.in_flight -= 1;
            ramp.ready += 1;
        }
        if let Some(Some(client)) = self.clients.get(key)
            && client.plan.reading != Reading::All
        {
            epoll::delete(&self.epoll, &client.stream)?;
            if matches!(client.plan.reading, Reading::Paced(_)) {
                self.paced.push(key);
            }
        }
        self.connect_more()
    }

    fn lose(&mut self, key: usize, error: Option<&io::Error>) -> io::Result<()> {
        let Some(client) = self.clients[key].take() else { return Ok(()) };
        let fault = error.map_or_else(|| "the server ended the connection".to_owned(), ToString::to_string);
        self.fault.get_or_insert(fault);
        self.tallies[client.plan.group].gone += 1;
        self.paced.retain(|paced| *paced != key);
        if let Some(ramp) = &mut self.ramp
            && !client.ready
        {
            ramp.in_flight -= 1;
            ramp.failed += 1;
        }
        self.connect_more()
    }

    /// Clients that did not read, do.
    fn read_on(&mut self, group: usize) -> io::Result<()> {
        for (key, client) in self.clients.iter_mut().enumerate() {
            let Some(client) = client else { continue };
            if client.plan.group == group && client.plan.reading != Reading::All {
                client.plan.reading = Reading::All;
                epoll::add(&self.epoll, &client.stream, EventData::new_u64(key as u64), EventFlags::IN)?;
            }
        }
        self.paced.retain(|key| self.clients[*key].as_ref().is_some_and(|client| client.plan.group != group));
        Ok(())
    }

    fn read_paced(&mut self) {
        let elapsed = self.paced_at.elapsed();
        if self.paced.is_empty() || elapsed < PACE_INTERVAL {
            return;
        }
        self.paced_at = Instant::now();
        for key in self.paced.clone() {
            let Some(client) = &mut self.clients[key] else { continue };
            let Reading::Paced(bytes_per_s) = client.plan.reading else { continue };
            // A client that had nothing to read does not save up for a burst.
            let most = bytes_per_s * 4.0 * PACE_INTERVAL.as_secs_f64();
            client.budget_bytes = (client.budget_bytes + bytes_per_s * elapsed.as_secs_f64()).min(most);
            let room = (client.budget_bytes as usize).min(BUFFER_BYTES);
            let tally = &mut self.tallies[client.plan.group];
            match client.read(&mut self.buffer[..room.max(1)], tally, now_us) {
                Ok(Took::Bytes(bytes)) => client.budget_bytes -= bytes as f64,
                Ok(Took::Nothing) => {}
                Ok(Took::End) => drop(self.lose(key, None)),
                Err(error) => drop(self.lose(key, Some(&error))),
            }
        }
    }
}

/// Begins to connect from one of several addresses of loopback.
fn connect(to: SocketAddrV4, source: usize, receive_buffer_bytes: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    if receive_buffer_bytes > 0 {
        socket.set_recv_buffer_size(receive_buffer_bytes)?;
    }
    // Closed at once, by a reset: thousands of sockets that linger would fill the next run's ports.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_tcp_nodelay(true)?;
    let from = Ipv4Addr::new(127, 0, 0, 2 + source as u8);
    socket.bind(&SocketAddrV4::new(from, 0).into())?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
            Err(error)
        }
        _ => Ok(socket.into()),
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = epoll::delete(&self.epoll, self.wakeup.as_fd());
    }
}
