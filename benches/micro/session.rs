//! Sessions as their shard drives them: a batch is taken in, each session that is concerned is written to, and the pings
//! that went along are answered. In place of the kernel is a socket that takes everything, and a client that reads it at
//! once. The difference to the same case without a window is what pings cost, the kernel's part aside.

use std::{
    cell::{Cell, RefCell},
    future::{Ready, ready},
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use rand::seq::index;
use tickcast::{
    access::{Rights, SharedRights, SymbolPatterns},
    audit::{AuditLog, AuditSetup, OnFailure},
    clock::{Clock, MarketClock},
    fanout::{Mode, SessionKey, Spec, SubscribeRequest},
    limits::{self, Limits},
    session::{
        core::Core,
        inbound::read::Inbound,
        node::NodeState,
        peer::Peer,
        socket::SessionSocket,
        state::{Session, Transport},
        turn::Due,
    },
    tick::Nanos,
    topic::{Batch, BatchQueue, FeedId, Ingest, Interest, Market, Outlet},
    wire::Encoding,
};

use crate::{
    dialect_client::DialectClient,
    inputs::{Kind, START, Ticks, files_made, random, symbol},
    work::{Case, Done, Scale, Stock, Work},
};

pub const CASES: [Case; 7] = [
    Case::new("latest_1000_sessions_on_the_same_10_topics_60_rounds", |scale| SAME.open(scale)),
    Case::new("latest_1000_sessions_on_the_same_10_topics_60_rounds_without_a_window", |scale| {
        Crowd { target_delay: Duration::ZERO, ..SAME }.open(scale)
    }),
    Case::new("every_1000_sessions_on_the_same_10_topics_60_rounds", |scale| {
        Crowd { mode: Mode::Every, ..SAME }.open(scale)
    }),
    Case::new("latest_1000_sessions_on_20_of_500_topics_60_rounds", |scale| APART.open(scale)),
    Case::new("latest_1000_sessions_on_20_of_500_topics_60_rounds_without_a_window", |scale| {
        Crowd { target_delay: Duration::ZERO, ..APART }.open(scale)
    }),
    // What a token and accounts of use cost a message that is delivered: the difference to the same case without.
    Case::new("latest_1000_sessions_on_20_of_500_topics_60_rounds_with_tokens", |scale| {
        Crowd { access: Access::Tokens, ..APART }.open(scale)
    }),
    Case::new("latest_1000_sessions_on_20_of_500_topics_60_rounds_with_tokens_and_accounts", |scale| {
        Crowd { access: Access::TokensAndAccounts, ..APART }.open(scale)
    }),
];

/// Who subscribes to what, and what arrives.
#[derive(Clone, Copy)]
pub struct Crowd {
    topics: usize,
    sessions: usize,
    /// Subscriptions of each.
    per_session: usize,
    mode: Mode,
    batch_ticks: usize,
    target_delay: Duration,
    kind: Kind,
    /// A venue's protocol in place of ours.
    client: Option<&'static DialectClient>,
    access: Access,
}

/// What is asked of who reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Access {
    /// Nothing.
    Open,
    /// A token: each session has a user, globs and an end.
    Tokens,
    /// And what it is sent is accounted for.
    TokensAndAccounts,
}

const SAME: Crowd = Crowd {
    topics: 10,
    sessions: 1_000,
    per_session: 10,
    mode: Mode::Latest,
    batch_ticks: 10,
    target_delay: limits::DEFAULT.target_delay,
    kind: Kind::Mixed,
    client: None,
    access: Access::Open,
};
/// Each batch concerns a session once or twice.
const APART: Crowd = Crowd { topics: 500, per_session: 20, batch_ticks: 50, ..SAME };

/// Batches of an iteration, each a round of writes; and from one to the next.
const ROUNDS: usize = 60;
const STEP: Duration = Duration::from_millis(5);

/// A masked pong with the payload of a ping that a session was sent: the mask is of zeros.
type Pong = [u8; 14];

/// Takes what it is given. Where that ends with a ping, its answer can be read.
#[derive(Default)]
struct Socket {
    bytes: Cell<u64>,
    pongs: RefCell<Vec<Pong>>,
}

/// One connection, as its task holds it.
struct Connection {
    key: SessionKey,
    socket: Rc<Socket>,
    inbound: Inbound,
}

struct Shard {
    core: Core<Socket>,
    queue: Arc<BatchQueue<Batch>>,
    connections: Vec<Connection>,
    clock: Clock,
    crowd: Crowd,
    ticks: Ticks,
    /// When the newest batch was made.
    made_at: Nanos,
    /// Batches of iterations to come.
    stock: Stock<Vec<Arc<Batch>>>,
    pongs: u64,
}

impl Socket {
    fn take(&self, bytes: &[u8]) -> usize {
        const PING: [u8; 2] = [0x89, 8];
        self.bytes.set(self.bytes.get() + bytes.len() as u64);
        if let Some((ping, payload)) = bytes.last_chunk::<10>().and_then(|ping| ping.split_first_chunk())
            && *ping == PING
        {
            let mut pong = [0x8A, 0x80 | 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            pong[6..].copy_from_slice(payload);
            self.pongs.borrow_mut().push(pong);
        }
        bytes.len()
    }
}

impl SessionSocket for Socket {
    type Timer = Ready<()>;

    fn timer(&self, _: Duration) -> Ready<()> {
        ready(())
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.take(bytes))
    }

    fn send_both(&self, first: &[u8], then: &[u8]) -> io::Result<usize> {
        Ok(self.take(first) + self.take(then))
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(pong) = self.pongs.borrow_mut().pop() else { return Err(io::ErrorKind::WouldBlock.into()) };
        buffer[..pong.len()].copy_from_slice(&pong);
        Ok(pong.len())
    }

    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pongs.borrow().is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn unsent_bytes(&self) -> usize {
        0
    }

    fn unacknowledged_bytes(&self) -> usize {
        0
    }

    fn end_writing(&self) {}
}

impl Crowd {
    /// Sessions with 20 of 500 topics each, of one kind of ticks, in our protocol or a venue's.
    pub fn of_dashboards(
        sessions: usize,
        kind: Kind,
        mode: Mode,
        client: Option<&'static DialectClient>,
    ) -> Crowd {
        Crowd { sessions, mode, kind, client, ..APART }
    }

    pub fn open(mut self, scale: Scale) -> Box<dyn Work> {
        self.topics = scale.of(self.topics);
        self.sessions = scale.of(self.sessions);
        Box::new(Shard::new(self))
    }
}

/// What a session's token allows: a few lists of symbols, as brokers name them, for a day.
fn rights(number: usize, now: Nanos) -> SharedRights {
    let read = SymbolPatterns::new(["BTC*", "S*", "ETH*"]).expect("patterns");
    let user = Some(format!("user-{number}").into());
    let expires = Some(now.plus(Duration::from_secs(24 * 3600)));
    Arc::new(Rights { user, read, expires, ..Rights::default() })
}

/// Accounts of use in a file of this process.
pub fn accounts() -> Arc<AuditLog> {
    // Each log has its own: a second one would go on with the first one's chain.
    static LOGS: AtomicUsize = AtomicUsize::new(0);
    let path = files_made().join(format!("audit-{}.jsonl", LOGS.fetch_add(1, Ordering::Relaxed)));
    let setup = AuditSetup { path, bytes_max: u64::MAX, on_failure: OnFailure::GoOn };
    Arc::new(AuditLog::start(&setup, START).expect("accounts can be kept"))
}

impl Shard {
    /// Every topic has ticks, every session its subscriptions and its snapshots, and has proved that it reads.
    fn new(crowd: Crowd) -> Self {
        let queue = Arc::new(BatchQueue::new(usize::MAX));
        let interest: Arc<Interest> = Arc::default();
        let outlet =
            Outlet { queue: Arc::clone(&queue), wake: Box::new(|| {}), interest: Arc::clone(&interest) };
        let market = Market::new(vec!["bench".to_owned()], crowd.topics, limits::DEFAULT.ring_ticks);
        let clock = Clock::manual(START);
        let limits = Limits { target_delay: crowd.target_delay, ..limits::DEFAULT };
        let ingest = Arc::new(Ingest::new(market, vec![outlet]));
        let node = NodeState::new("bench".into(), limits, clock, MarketClock::of_world(clock), ingest);
        let node =
            node.with_audit((crowd.access == Access::TokensAndAccounts).then(accounts), Arc::default());
        let mut shard = Shard {
            core: Core::new(&Arc::new(node), 0, interest),
            queue,
            connections: Vec::new(),
            clock,
            crowd,
            ticks: Ticks::new(crowd.kind, crowd.topics),
            made_at: START,
            stock: Stock::default(),
            pongs: 0,
        };
        // Several ticks for each topic, so that its record has its fields.
        let node = Arc::clone(&shard.core.node);
        for batch in shard.make(8 * crowd.topics, 1) {
            shard.core.fanout.apply(&batch, START, &*node.ingest);
        }
        let mut random = random();
        for number in 0..crowd.sessions {
            let chosen = index::sample(&mut random, crowd.topics, crowd.per_session);
            shard.connect(number, chosen.into_iter());
        }
        shard.core.publish_interest();
        shard
    }

    fn connect(&mut self, number: usize, topics: impl Iterator<Item = usize>) {
        let Shard { core, clock, crowd, connections, .. } = self;
        let (node, socket) = (Arc::clone(&core.node), Rc::new(Socket::default()));
        let mut dialect = crowd.client.map(|client| client.begin(clock.now()));
        let encoding = dialect.as_ref().map_or(Encoding::JSON, |dialect| dialect.conversation.encoding());
        let transport = Transport { stream: Rc::clone(&socket), encoding, waker: None };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1_024));
        let peer = Peer { address, agent: core.agents.of(b"bench"), is_local: true };
        let session = Session::new(&node, transport, peer, number as u64, clock.now());
        let key = core.open(session, Vec::new());
        if crowd.access != Access::Open {
            core.entitle(key, &rights(number, clock.now()), None);
        }
        for topic in topics {
            let symbol = symbol(topic);
            let spec = match (crowd.client, &mut dialect) {
                (Some(client), Some(dialect)) => client.subscribe(dialect, &symbol, clock.now()),
                _ => Spec { mode: crowd.mode, ..Spec::default() },
            };
            let request = SubscribeRequest::new(&symbol, &spec);
            let subscribed = core.fanout.subscribe(key, &request, clock.now(), &*node.ingest);
            assert!(subscribed.is_ok(), "the session may have more subscriptions than it asks for");
        }
        if let Some(session) = core.session(key)
            && let Some(dialect) = dialect
        {
            // Coinbase's protocols are chosen by what is said first.
            session.transport.encoding = dialect.conversation.encoding();
            session.dialect = Some(dialect);
        }
        let inbound = Inbound::new(&[], encoding, &node.limits);
        connections.push(Connection { key, socket, inbound });
    }

    fn make(&mut self, batch_ticks: usize, batches: usize) -> Vec<Arc<Batch>> {
        let mut made = Vec::new();
        for _ in 0..batches {
            self.made_at = self.made_at.plus(STEP);
            let (ingest, mut refused) = (&self.core.node.ingest, Vec::new());
            ingest.submit(FeedId(0), &mut self.ticks.take(batch_ticks), self.made_at, &mut refused);
        }
        assert!(!self.queue.take(&mut made).missed);
        made
    }

    /// Writes what a batch makes due, then reads what the clients have answered.
    fn round(&mut self, batch: &Arc<Batch>) {
        self.clock.advance(self.clock.now().plus(STEP));
        let _wakes = self.queue.push(batch, batch.taken);
        while matches!(self.core.turn(&self.queue), Due::Now) {}
        let mut context = Context::from_waker(Waker::noop());
        for Connection { key, socket, inbound } in &mut self.connections {
            if socket.pongs.borrow().is_empty() {
                continue;
            }
            self.pongs += socket.pongs.borrow().len() as u64;
            let ended = self.core.poll_session(*key, socket, inbound, &mut context);
            assert!(ended.is_pending(), "an answer ends no session");
        }
    }

    fn bytes(&self) -> u64 {
        self.connections.iter().map(|connection| connection.socket.bytes.get()).sum()
    }
}

impl Work for Shard {
    fn prepare(&mut self) {
        drop(self.stock.take_spent());
        let made = self.make(self.crowd.batch_ticks, ROUNDS);
        self.stock.put(made);
    }

    fn run(&mut self) -> Done {
        let (messages, bytes) = (self.core.fanout.delivered(), self.bytes());
        let batches = self.stock.take().clone();
        for batch in &batches {
            self.round(batch);
        }
        Done { items: self.core.fanout.delivered() - messages, bytes: self.bytes() - bytes }
    }

    /// Everything is delivered, nobody was held, and there were pings where there is a window.
    fn audit(&mut self) {
        let accounts = self.core.fanout.accounts();
        assert_eq!((accounts.residual(), accounts.pending), (0, 0));
        let has_window = !self.crowd.target_delay.is_zero() && self.crowd.client.is_none();
        assert_eq!(self.pongs > 0, has_window);
    }
}
