//! One run: a node, its clients and the network between them, on one thread and on a clock that jumps when nothing is left
//! to do.

use std::{
    cell::Cell,
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tickcast::{
    clock::{Clock, MarketClock},
    feed::{Sink, ndjson::NdjsonDecoder},
    tick::{Nanos, Symbol, Tick},
};

use super::{
    asker::{self, ASKER, Asker},
    client::{Client, at},
    law::{Breach, Law},
    network::{Event, Net, Network, WorldEvent},
    node::Node,
    plan::{ClientKind, Ms, NodeAct, Plan},
    tape::Tape,
    witness::Found,
};

/// What a run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    pub breach: Option<Breach>,
    /// Of everything that every client was sent, and when, and of what the shards counted.
    pub transcript: u64,
    pub simulated: Duration,
    pub steps: u64,
    pub ticks: u64,
    pub messages: u64,
    pub connections: u64,
    /// To requests by HTTP.
    pub answers: u64,
}

struct World {
    plan: Plan,
    clock: Clock,
    begin: Nanos,
    net: Net,
    node: Node,
    clients: Vec<Client>,
    asker: Option<Asker>,
    tape: Tape,
    decoder: NdjsonDecoder,
    random: Pcg64Mcg,
    /// Ticks that are due and have found no room.
    owed: usize,
    /// When the last tick was published.
    fed_at: Nanos,
    is_calm: bool,
    /// The longest that a session may ever have taken no byte.
    progress_max: Duration,
    steps: u64,
    ticks: u64,
}

/// Where the clock of a run begins.
pub const BEGIN: Nanos = Nanos(1_700_000_000_000_000_000);
/// How long everything has to come to rest.
const REST_MS: Ms = 25_000;
/// How long the feed may find no room while everyone reads: a client that takes nothing is closed before.
const ROOM_WITHIN: Duration = Duration::from_secs(10);
/// How often what must have ended by a time is looked for.
const LOOK: Duration = Duration::from_millis(250);
/// Steps without the time going on.
const STEPS_MAX: u64 = 200_000;
/// Ticks of one submission.
const BATCH: usize = 40;

thread_local! {
    /// Whether a panic of this thread is somebody's to report.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Panics within a run are reported as breaches, and not by the hook.
fn hush() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !IS_CAUGHT.get() {
                usual(info);
            }
        }));
    });
}

/// Runs a plan to its end, or to the first breach of a law.
pub fn run(plan: &Plan) -> Outcome {
    run_as(plan, false)
}

/// The same; `talks`: and prints what every client is sent.
pub fn run_as(plan: &Plan, talks: bool) -> Outcome {
    hush();
    let clock = Clock::manual(BEGIN);
    IS_CAUGHT.set(true);
    let mut steps = 0;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(plan, clock);
        world.clients.iter_mut().for_each(|client| client.talks = talks);
        let found = world.go();
        steps = world.steps;
        world.outcome(found)
    }));
    IS_CAUGHT.set(false);
    ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
        let at = Nanos(clock.now().0 - BEGIN.0);
        Outcome {
            breach: Some(Breach { law: Law::of_panic(&text), what: text, at }),
            transcript: 0,
            simulated: Duration::from_nanos(at.0.unsigned_abs()),
            steps,
            ticks: 0,
            messages: 0,
            connections: 0,
            answers: 0,
        }
    })
}

impl World {
    fn new(plan: &Plan, clock: Clock) -> World {
        let begin = clock.now();
        let net = Network::new(clock, plan.call_nanos);
        let market =
            if plan.is_driven { MarketClock::driven(clock, begin) } else { MarketClock::of_world(clock) };
        let node = Node::new(plan, clock, &market, &net);
        node.drive(1.0, 0);
        let clients: Vec<_> = plan
            .clients
            .iter()
            .map(|client| Client::new(client, plan, net.clone(), market.clone(), begin))
            .collect();
        let asker = plan.asker.clone().map(|asker| Asker::new(asker, net.clone(), begin));
        let tape = Tape::new(plan.seed, plan.symbols);
        World {
            plan: plan.clone(),
            clock,
            begin,
            net,
            node,
            clients,
            asker,
            tape,
            decoder: NdjsonDecoder::new(plan.limits.line_bytes),
            random: Pcg64Mcg::seed_from_u64(plan.seed ^ 0x5E_ED),
            owed: 0,
            fed_at: begin,
            is_calm: false,
            progress_max: plan.limits.progress,
            steps: 0,
            ticks: 0,
        }
    }

    fn at(&self, time: Nanos, event: WorldEvent) {
        self.net.borrow_mut().at(time, Event::World(event));
    }

    fn go(&mut self) -> Found {
        self.open_crowd();
        self.clients.iter().for_each(Client::schedule);
        for (index, burst) in self.plan.feed.iter().enumerate() {
            self.at(at(self.begin, burst.at_ms), WorldEvent::Feed(index));
        }
        for (index, (ms, _)) in self.plan.node.iter().enumerate() {
            self.at(at(self.begin, *ms), WorldEvent::Node(index));
        }
        self.at(self.begin.plus(LOOK), WorldEvent::Look);
        let rests_at = at(self.begin, self.plan.ends_ms);
        loop {
            self.run_all()?;
            let Some(next) = [self.net.borrow().next_at(), self.node.next_at()].into_iter().flatten().min()
            else {
                break;
            };
            if next > at(rests_at.max(self.fed_at), REST_MS) {
                break;
            }
            self.clock.advance(next);
            self.take_events()?;
            if !self.is_calm && self.clock.now() >= rests_at {
                self.calm();
            }
        }
        self.check_rest()
    }

    /// Symbols that tick once.
    fn open_crowd(&mut self) {
        let now = self.node.state.market.now();
        let lines = (0..self.plan.crowd).map(|number| format!("{{\"symbol\":\"C{number}\",\"bid\":1}}"));
        let mut ticks: Vec<_> = lines.map(|line| self.tick(&line, now)).collect();
        if !ticks.is_empty() {
            self.node.submit(&mut ticks);
        }
    }

    fn tick(&mut self, line: &str, ts: Nanos) -> Tick {
        let mut bytes = line.as_bytes().to_vec();
        let tick = self.decoder.decode(&mut bytes).expect("a line of the simulation").tick;
        Tick { ts: Some(ts), ..tick }
    }

    /// Nothing new happens; links are wide, and everyone reads.
    fn calm(&mut self) {
        self.is_calm = true;
        self.node.drive(1.0, 0);
        self.net.borrow_mut().widen();
        self.clients.iter_mut().for_each(Client::calm);
        self.asker.iter_mut().for_each(Asker::calm);
    }

    /// Everything that can be done now, in an order of chance.
    fn run_all(&mut self) -> Found {
        let mut steps = 0;
        while self.node.run_one(&mut self.random) {
            self.steps += 1;
            steps += 1;
            self.node.check()?;
            if steps > STEPS_MAX {
                return Err((Law::Liveness, "the shards do not come to rest".to_owned()));
            }
            // A call into the kernel takes time, in which bytes move on.
            self.take_events()?;
        }
        Ok(())
    }

    fn take_events(&mut self) -> Found {
        loop {
            let event = self.net.borrow_mut().pop_due();
            match event {
                None => return Ok(()),
                Some(WorldEvent::Client(number)) => self.wake_client(number)?,
                Some(WorldEvent::Feed(index)) => self.feed(index)?,
                Some(WorldEvent::Node(index)) => self.act(index),
                Some(WorldEvent::Look) => self.look()?,
            }
        }
    }

    fn wake_asker(&mut self) -> Found {
        let Some(asker) = &mut self.asker else { return Ok(()) };
        asker.wake(&self.tape)?;
        if asker.wants_connection() && self.node.drained_at.is_none() {
            let link = self.net.borrow_mut().connect(ASKER, asker.connect_plan(), self.plan.seed ^ 0xA5);
            asker.connect(link);
            self.node.accept(link, asker::ADDRESS);
            return asker.wake(&self.tape);
        }
        Ok(())
    }

    fn wake_client(&mut self, number: usize) -> Found {
        if number == ASKER {
            return self.wake_asker();
        }
        let Some(client) = self.clients.iter_mut().find(|client| client.plan.number == number) else {
            return Ok(());
        };
        client.wake(&self.tape)?;
        if client.wants_connection() && self.node.drained_at.is_none() {
            let seed = self.plan.seed ^ (number as u64) << 32 ^ client.connections;
            let link = self.net.borrow_mut().connect(number, &client.plan.link, seed);
            client.connect(link);
            let address = client.plan.address;
            self.node.accept(link, address);
            return client_again(&mut self.clients, number, &self.tape);
        }
        Ok(())
    }

    fn feed(&mut self, index: usize) -> Found {
        // Beyond the plan: what has found no room.
        match self.plan.feed.get(index) {
            Some(burst) if burst.is_pushed => return self.push(burst.ticks),
            Some(burst) => self.owed += burst.ticks,
            None => {}
        }
        while self.owed > 0 {
            let room = if self.plan.is_lossless { self.node.sink.room() } else { usize::MAX };
            let count = self.owed.min(room).min(BATCH);
            if count == 0 {
                // Everyone reads from the end of the plan on, but over a link that may be long.
                let since = self.fed_at.max(at(self.begin, self.plan.ends_ms));
                if self.clock.now() > since.plus(ROOM_WITHIN) && self.plan.stays_up() {
                    return Err((
                        Law::Liveness,
                        "the feed waits for its readers, and they for it".to_owned(),
                    ));
                }
                if self.node.drained_at.is_some() {
                    self.owed = 0;
                } else {
                    self.at(self.clock.now().plus(Duration::from_millis(1)), WorldEvent::Feed(usize::MAX));
                }
                return Ok(());
            }
            self.submit(count)?;
            self.owed -= count;
        }
        Ok(())
    }

    /// The head of a topic at ingest.
    fn seq(&self, symbol: &str) -> u64 {
        let symbol = Symbol::new(symbol).expect("a symbol");
        let image = self.node.state.ingest.records(&[symbol]).remove(0);
        image.map_or(0, |image| image.record.seq)
    }

    fn push(&mut self, ticks: usize) -> Found {
        (0..ticks).step_by(BATCH).try_for_each(|batch| self.submit(BATCH.min(ticks - batch)))
    }

    /// Ingest takes in what it is given, whatever its readers do: nothing else runs in between.
    fn submit(&mut self, count: usize) -> Found {
        let (now, market) = (self.clock.now(), self.node.state.market.now());
        let lines: Vec<_> = (0..count).map(|_| self.tape.next(market)).collect();
        let mut ticks: Vec<_> = lines.iter().map(|(line, ts)| self.tick(line, *ts)).collect();
        self.ticks += count as u64;
        self.fed_at = now;
        let last = ticks.last().map(|tick| tick.symbol.clone()).expect("a batch of ticks");
        self.node.submit(&mut ticks);
        let (seq, head) = (self.seq(last.as_str()), self.tape.head(last.as_str()));
        if seq != head {
            return Err((Law::Ingest, format!("{last} stands at {seq}, and the feed has given {head}")));
        }
        Ok(())
    }

    fn act(&mut self, index: usize) {
        let (_, act) = self.plan.node[index];
        if act == NodeAct::Over && self.owed > 0 {
            // A feed ends behind its last tick.
            return self.at(self.clock.now().plus(Duration::from_millis(1)), WorldEvent::Node(index));
        }
        self.clients.iter_mut().for_each(|client| client.reload(act));
        if let NodeAct::Progress(ms) = act {
            self.progress_max = self.progress_max.max(Duration::from_millis(ms));
        }
        self.node.act(act);
    }

    /// What must have ended by now.
    fn look(&mut self) -> Found {
        let now = self.clock.now();
        self.at(now.plus(LOOK), WorldEvent::Look);
        let limits = self.plan.limits.clone();
        for client in &self.clients {
            client.check_heartbeat(now)?;
        }
        let net = self.net.borrow();
        for (number, link) in net.links.iter().enumerate().filter(|(_, link)| !link.server_closed) {
            let grace = limits.close_grace + Duration::from_millis(1_200);
            if link.down.is_refused && now > link.down.progress_at.plus(self.progress_max + grace) {
                let client = link.client;
                return Err((
                    Law::Deadline,
                    format!("client {client} takes nothing, and connection {number} lives on"),
                ));
            }
            if let Some(drained_at) = self.node.drained_at
                && now > drained_at.plus(limits.drain * 3 / 4 + Duration::from_secs(1))
                && !self.is_silent(link.client)
            {
                return Err((
                    Law::Deadline,
                    format!("connection {number} of client {} outlives the drain", link.client),
                ));
            }
        }
        for client in self.clients.iter().filter(|client| client.plan.kind == ClientKind::Silent) {
            let Some(link) = client.link else { continue };
            let since = now.since(client.connected_at);
            let (least, most) = (limits.handshake, limits.handshake + LOOK + Duration::from_millis(50));
            let is_closed = net.links[link].server_closed;
            if !is_closed && since > most.as_nanos() as u64 {
                return Err((Law::Deadline, format!("client {} may be silent for ever", client.plan.number)));
            }
            if is_closed && since < least.as_nanos() as u64 {
                return Err((
                    Law::Deadline,
                    format!("client {} was given no time to speak", client.plan.number),
                ));
            }
        }
        Ok(())
    }

    /// Whom a drain waits for as little as for one that asks by HTTP.
    fn is_silent(&self, number: usize) -> bool {
        number == ASKER
            || self
                .clients
                .iter()
                .any(|client| client.plan.number == number && client.plan.kind == ClientKind::Silent)
    }

    fn check_rest(&mut self) -> Found {
        for client in &mut self.clients {
            client.wake(&self.tape)?;
        }
        if !self.plan.stays_up() {
            let is_over = self.plan.node.iter().any(|(_, act)| *act == NodeAct::Over);
            for client in self.clients.iter().filter(|client| client.plan.kind != ClientKind::Silent) {
                let has_subscribed = client.witness.wanted().next().is_some();
                if client.link.is_some() && (!is_over || has_subscribed) {
                    return Err((Law::Farewell, format!("client {} is still there", client.plan.number)));
                }
            }
            return Ok(());
        }
        for client in &mut self.clients {
            client.at_rest(&self.tape)?;
        }
        if let Some(asker) = &self.asker {
            asker.at_rest(self.seq(asker::OWN))?;
        }
        let net = self.net.borrow();
        let held = net.links.iter().enumerate();
        let held = held.filter(|(_, link)| !link.server_closed && link.client != ASKER);
        for (number, link) in held {
            if !self.clients.iter().any(|client| client.link == Some(number)) {
                return Err((
                    Law::Deadline,
                    format!("connection {number} of client {} is held for nobody", link.client),
                ));
            }
        }
        drop(net);
        self.check_accounts()
    }

    /// What clients have counted, where nothing was lost on the way.
    fn check_accounts(&self) -> Found {
        let net = self.net.borrow();
        let is_whole = net.links.iter().all(|link| !link.lost_bytes && link.down.read == link.down.given);
        let reports = self.node.reports();
        let sum = |of: fn(&tickcast::fanout::Accounts) -> u64| -> u64 {
            reports.iter().map(|report| of(&report.accounts)).sum()
        };
        let pending = sum(|accounts| accounts.pending);
        if pending > 0 {
            return Err((Law::Accounts, format!("{pending} ticks are due at rest")));
        }
        if is_whole {
            let counted: Vec<_> = self.clients.iter().map(Client::counted).collect();
            let updates: u64 = counted.iter().map(|counts| counts.updates).sum();
            let snapshots: u64 = counted.iter().map(|counts| counts.snapshots).sum();
            let delivered = sum(|accounts| accounts.delivered);
            let changes: u64 = counted.iter().map(|counts| counts.changes).sum();
            if !(updates.saturating_sub(changes)..=updates + snapshots).contains(&delivered) {
                let what = format!("{delivered} delivered; {updates} updates and {snapshots} snapshots came");
                return Err((Law::Accounts, what));
            }
        }
        Ok(())
    }

    fn outcome(&self, found: Found) -> Outcome {
        let mut transcript = DefaultHasher::new();
        for client in &self.clients {
            client.transcript.finish().hash(&mut transcript);
        }
        for report in self.node.reports() {
            let accounts = &report.accounts;
            (accounts.offered, accounts.delivered, accounts.conflated, accounts.discarded)
                .hash(&mut transcript);
            (report.stats.frames_sent, report.stats.bytes_sent, report.stats.closed).hash(&mut transcript);
        }
        self.steps.hash(&mut transcript);
        let passed = Nanos(self.clock.now().0 - self.begin.0);
        let counts = self.clients.iter().map(Client::counted);
        Outcome {
            breach: found.err().map(|(law, what)| Breach { law, what, at: passed }),
            transcript: transcript.finish(),
            simulated: Duration::from_nanos(passed.0.unsigned_abs()),
            steps: self.steps,
            ticks: self.ticks,
            messages: counts.map(|counts| counts.updates + counts.snapshots).sum(),
            connections: self.clients.iter().map(|client| client.connections).sum(),
            answers: self.asker.as_ref().map_or(0, |asker| asker.answers),
        }
    }
}

/// A connection that has just begun may have been refused already.
fn client_again(clients: &mut [Client], number: usize, tape: &Tape) -> Found {
    match clients.iter_mut().find(|client| client.plan.number == number) {
        Some(client) => client.wake(tape),
        None => Ok(()),
    }
}
