//! The service of the simulation: real ingest, real shards with their sessions, and the code around them.
//!
//! Left out are threads, sockets and most of what HTTP has around its answers (`http.rs`).

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    future::poll_fn,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use hyper::Request;
use rand::{Rng, RngExt};
use tickcast::{
    access::{Authority, Products, Rights, user_share::UserShare},
    audit::AuditLog,
    clock::{Anchor, Clock, MarketClock},
    fanout::SessionKey,
    feed::Sink,
    server::{
        admission::{
            balancer::{Connection, Role},
            rejected::RejectedReason,
            sessions::{self, SessionAccess},
        },
        connection::ConnectionTask,
        handshake::{self, user_agent},
        http_connection::HttpConnection,
        intake::{FeedKind, FeedSink, FeedStatus},
        message::ToShard,
        routes::STREAM_PATH,
        session_task::NewSession,
        shard::{SWEEP, Shard},
        sse::{AdmittedEvents, EventTask},
        state::ServerState,
    },
    session::{
        inbound::query::subscribe_command,
        maintenance::admin::CloseTarget,
        node::NodeState,
        outbound::window::{DataHold, ReadProof},
        peer::Peer,
        position::Position,
        position_key::PositionKey,
        socket::SessionSocket,
        stats::{LimitHit, ShardReport},
    },
    spans,
    tick::{Nanos, Tick},
    topic::{BatchQueue, DelayedMarket, Detail, FeedId, Ingest, Interest, Market, Outlet},
    web::AllowedOrigins,
    wire::{CloseReason, Encoding},
};
use tokio::sync::{
    Notify,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    oneshot,
};

use super::{
    http::{self, Routes},
    law::Law,
    network::{Net, SimSocket},
    plan::{Ms, NodeAct, Plan},
    runtime::{Task, Tasks},
    witness::Found,
};

pub struct Node {
    pub state: Arc<NodeState>,
    pub server: Arc<ServerState>,
    pub shards: Vec<Member>,
    pub sink: FeedSink,
    pub tasks: Tasks,
    inboxes: Vec<UnboundedSender<ToShard>>,
    spawned: Rc<RefCell<Vec<Task>>>,
    net: Net,
    /// Of each connection: its client's address.
    addresses: Vec<IpAddr>,
    refused: [u64; 3],
    /// Connections that were closed for taking nothing.
    slow: BTreeSet<usize>,
    /// Of these, sessions of dialects that have missed a trade.
    excused: u64,
    pub drained_at: Option<Nanos>,
    frame_bytes_max: usize,
    /// When something is due in the delayed market.
    delayed_due: Option<Nanos>,
    /// The most that there might ever be: those that are open stay when there may be fewer.
    sessions_max: usize,
}

/// A shard, and what its loop remembers.
pub struct Member {
    pub shard: Rc<Shard<SimSocket>>,
    inbox: UnboundedReceiver<ToShard>,
    wake: Arc<Notify>,
    due: Nanos,
    sweep_at: Nanos,
    pub is_done: bool,
}

const REFUSALS: [RejectedReason; 3] =
    [RejectedReason::TooManySessions, RejectedReason::TooManyPerAddress, RejectedReason::Connections];
/// Of all that a node of the simulation numbers.
pub const EPOCH: &str = "sim";
const HEAD_END: &[u8] = b"\r\n\r\n";
/// Under way to a client, whatever it reads.
const AHEAD_BYTES: u64 = 64 * 1024;
/// Control messages beside it.
const CONTROL_AHEAD_BYTES: u64 = 32 * 1024;
/// Joined to a frame of data: a little control, the position of an event stream, and headers.
const JOINED_BYTES: usize = 10 * 1024;

impl Node {
    pub fn new(plan: &Plan, clock: Clock, market: &MarketClock, net: &Net) -> Node {
        Node::with(plan, clock, market, net, Arc::new(Authority::open()), None, None)
    }

    /// One that may ask for tokens, keep a usage audit, and show a market delayed.
    pub fn with(
        plan: &Plan,
        clock: Clock,
        market: &MarketClock,
        net: &Net,
        authority: Arc<Authority>,
        audit: Option<Arc<AuditLog>>,
        delayed: Option<DelayedMarket>,
    ) -> Node {
        let limits = &plan.limits;
        let mut ends = Vec::new();
        let (mut inboxes, mut outlets) = (Vec::new(), Vec::new());
        for _ in 0..plan.shards {
            let (sender, inbox) = unbounded_channel();
            let batch_queue = Arc::new(BatchQueue::new(limits.shard_queue_ticks));
            let (wake, interest) = (Arc::new(Notify::new()), Arc::new(Interest::default()));
            let outlet_wake = Arc::clone(&wake);
            outlets.push(Outlet {
                queue: Arc::clone(&batch_queue),
                wake: Box::new(move || outlet_wake.notify_one()),
                interest: Arc::clone(&interest),
            });
            inboxes.push(sender);
            ends.push((inbox, batch_queue, wake, interest));
        }
        let ingest = Market::new(vec!["sim".to_owned(), "push".to_owned()], limits.topics, limits.ring_ticks);
        let ingest = Arc::new(Ingest::new(ingest, outlets).with_delayed(delayed, Detail::Records));
        let sink = |name: &str, id| FeedSink {
            status: Arc::new(FeedStatus::new(name.to_owned(), id, FeedKind::Expected, None)),
            ingest: Arc::clone(&ingest),
            clock,
            market: market.clone(),
            ended: Arc::new(|| {}),
            watches_readers: false,
        };
        let state =
            NodeState::new(EPOCH.to_owned(), limits.clone(), clock, market.clone(), Arc::clone(&ingest));
        let state = state.with_position_key(PositionKey::of(0));
        let state = state.with_authority(authority).with_audit(audit, Arc::default());
        let state = Arc::new(state.with_push(Arc::new(sink("push", FeedId(1)))));
        let allowed_origins = AllowedOrigins::new::<&str>(&[]);
        let server = Arc::new(ServerState::new(Arc::clone(&state), inboxes.clone(), allowed_origins));
        let spawned: Rc<RefCell<Vec<Task>>> = Rc::default();
        let now = clock.now();
        let routes = Routes { node: Arc::clone(&state) };
        let shards = ends.into_iter().enumerate().map(|(number, (inbox, batch_queue, wake, interest))| {
            let spawned = Rc::clone(&spawned);
            let routes = routes.clone();
            let serve = move |shard: &Rc<Shard<SimSocket>>, connection: HttpConnection<SimSocket>| {
                spawned.borrow_mut().push(Box::pin(serve_http(routes.clone(), Rc::clone(shard), connection)));
            };
            let server = Arc::clone(&server);
            let shard = Shard::new(number, server, batch_queue, Arc::clone(&wake), interest, Box::new(serve));
            Member { shard, inbox, wake, due: now, sweep_at: now.plus(SWEEP), is_done: false }
        });
        let shards = shards.collect();
        let mut sink = sink("sim", FeedId(0));
        sink.watch_readers(plan.is_lossless);
        Node {
            state,
            server,
            shards,
            sink,
            tasks: Tasks::default(),
            inboxes,
            spawned,
            net: Rc::clone(net),
            addresses: Vec::new(),
            refused: [0; 3],
            slow: BTreeSet::new(),
            excused: 0,
            drained_at: None,
            frame_bytes_max: limits.frame_bytes,
            delayed_due: None,
            sessions_max: limits.sessions,
        }
    }

    /// A connection has come: counted, and given to the shard with the fewest, or refused.
    pub fn accept(&mut self, link: usize, address: u8) {
        let peer = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, address)), 1_024 + link as u16);
        self.addresses.resize(link + 1, peer.ip());
        self.addresses[link] = peer.ip();
        let stream = SimSocket { net: Rc::clone(&self.net), link };
        match self.server.count_connection(Role::Clients, peer.into()) {
            None => self.server.rejected.count(RejectedReason::Connections),
            Some((number, counted)) => {
                let shard = Rc::clone(&self.shards[number].shard);
                let task = ConnectionTask::new(
                    shard,
                    stream,
                    peer.into(),
                    Role::Clients,
                    counted,
                    self.state.limits.handshake,
                );
                self.tasks.spawn(Box::pin(task));
            }
        }
    }

    pub fn act(&mut self, act: NodeAct) {
        let mut limits = (*self.state.limits).clone();
        match act {
            NodeAct::FrameBytes(bytes) => limits.frame_bytes = bytes,
            NodeAct::Subscriptions(count) => limits.subscriptions = count,
            NodeAct::Heartbeat(ms) => limits.heartbeat = Duration::from_millis(ms),
            NodeAct::Stale(ms) => limits.stale = Duration::from_millis(ms),
            NodeAct::Progress(ms) => limits.progress = Duration::from_millis(ms),
            NodeAct::Sessions(count) => {
                limits.sessions = count;
                limits.sessions_per_address = limits.sessions_per_address.min(count);
            }
            NodeAct::Drive { percent, jump_ms } => return self.drive(f64::from(percent) / 100.0, jump_ms),
            NodeAct::Drain => {
                self.drained_at = Some(self.state.clock.now());
                self.server.draining.store(true, Ordering::Relaxed);
                return self.tell_all(|| ToShard::Drain);
            }
            NodeAct::Over => {
                self.sink.ingest.close(FeedId(0));
                self.server.over.store(true, Ordering::Relaxed);
                return self.tell_all(|| ToShard::Over(true));
            }
            NodeAct::Shrink => {
                let (done, _) = std::sync::mpsc::channel();
                return self.tell_all(|| ToShard::Shrink(done.clone()));
            }
        }
        self.frame_bytes_max = self.frame_bytes_max.max(limits.frame_bytes);
        self.sessions_max = self.sessions_max.max(limits.sessions);
        self.server.balancer.set_limits(&limits);
        self.state.limits.set(limits);
        let (done, _) = std::sync::mpsc::channel();
        self.tell_all(|| ToShard::Reload(done.clone()));
    }

    /// As a service that is told to read its settings again.
    pub fn change_delays(&self, products: Arc<Products>) {
        self.state.ingest.change_delays(products, self.state.market.now());
        let (done, _) = std::sync::mpsc::channel();
        self.tell_all(|| ToShard::Reload(done.clone()));
    }

    /// As a replay drives the market's time.
    pub fn drive(&self, rate: f64, jump_ms: Ms) {
        let (world, market) = (self.state.clock.now(), self.state.market.now());
        let market = market.plus(Duration::from_millis(jump_ms));
        self.state.market.drive(Anchor { world, market, rate });
    }

    /// That what the sessions of a user have together is what its share counts, over all shards.
    ///
    /// # Errors
    /// With a user whose count is another.
    pub fn check_shares(&self) -> Result<(), String> {
        let mut counts: HashMap<*const UserShare, (usize, usize)> = HashMap::new();
        for member in &self.shards {
            let core = member.shard.core.borrow();
            for (index, session) in (0..).zip(&core.sessions) {
                let Some(share) = session.as_ref().and_then(|session| session.share.as_ref()) else {
                    continue;
                };
                let counted = counts.entry(Arc::as_ptr(share)).or_insert((share.subscriptions(), 0));
                counted.1 += core.fanout.session_subscriptions(SessionKey(index));
            }
        }
        match counts.into_values().find(|(counted, are)| counted != are) {
            Some((counted, are)) => {
                Err(format!("{counted} subscriptions of a user are counted, its sessions have {are}"))
            }
            None => Ok(()),
        }
    }

    /// Closes sessions, as an operator asks for it.
    pub fn close(&self, target: &CloseTarget) {
        self.tell_all(|| ToShard::Close(target.clone(), oneshot::channel().0));
    }

    fn tell_all(&self, message: impl Fn() -> ToShard) {
        for inbox in &self.inboxes {
            // A shard that has drained has no sessions left.
            let _ = inbox.send(message());
        }
    }

    pub fn submit(&mut self, ticks: &mut Vec<Tick>) {
        let mut refused = Vec::new();
        self.sink.submit(ticks, &mut refused);
        assert!(refused.is_empty(), "a tick of the simulation is refused: {refused:?}");
    }

    /// Shards that have something to do, and tasks that do.
    fn runnable(&mut self) -> (Vec<usize>, usize) {
        let now = self.state.clock.now();
        let shards = self.shards.iter_mut().enumerate();
        let shards =
            shards.filter_map(|(number, member)| member.is_runnable(now).then_some(number)).collect();
        let spawned: Vec<Task> = self.spawned.borrow_mut().drain(..).collect();
        for task in spawned {
            self.tasks.spawn(task);
        }
        (shards, self.tasks.ready())
    }

    /// Lets a shard or a task do something, chosen by chance; says whether one could.
    pub fn run_one(&mut self, random: &mut impl Rng) -> bool {
        // As its thread does, which is woken by what is told and by time.
        let ingest = &self.state.ingest;
        self.delayed_due = ingest.turn_delayed(self.state.market.now());
        let (shards, tasks) = self.runnable();
        let choices = shards.len() + usize::from(tasks > 0);
        if choices == 0 {
            return false;
        }
        match shards.get(random.random_range(0..choices)) {
            Some(&shard) => self.shards[shard].step(),
            None => self.tasks.poll(random.random_range(0..tasks)),
        }
        true
    }

    /// When a shard, or the delayed market, wants to run next.
    pub fn next_at(&self) -> Option<Nanos> {
        let running = self.shards.iter().filter(|member| !member.is_done);
        let delayed = self.delayed_due.map(|due| self.state.market.when(due));
        running.map(|member| member.due.min(member.sweep_at)).chain(delayed).min()
    }

    pub fn reports(&self) -> Vec<ShardReport> {
        let ended = self.server.ended.lock().expect("one thread");
        let shards = self.shards.iter();
        shards
            .map(|member| match ended.get(&member.shard.number) {
                Some(report) => report.clone(),
                None => member.shard.core.borrow_mut().report(),
            })
            .collect()
    }

    /// What must hold between any two steps.
    pub fn check(&mut self) -> Found {
        let mut open = 0;
        for (number, report) in self.reports().iter().enumerate() {
            if report.accounts.residual() != 0 {
                return Err((Law::Conservation, format!("shard {number}: {:?}", report.accounts)));
            }
            if report.delayed.residual() != 0 {
                return Err((Law::Conservation, format!("shard {number}, delayed: {:?}", report.delayed)));
            }
            let (live, closed) = (report.live + report.conflating, report.stats.closed.iter().sum::<u64>());
            if report.stats.opened != closed + live as u64 {
                let opened = report.stats.opened;
                return Err((
                    Law::OneEnd,
                    format!("shard {number}: {opened} opened, {closed} closed, {live} open"),
                ));
            }
            open += live;
        }
        let counted = self.state.sessions.load(Ordering::Relaxed);
        if counted != open {
            return Err((Law::OneEnd, format!("{counted} sessions are counted, {open} are open")));
        }
        if open > self.sessions_max {
            return Err((Law::Memory, format!("{open} sessions are open, {} may be", self.sessions_max)));
        }
        self.check_memory()?;
        self.check_ahead()?;
        self.check_slow()?;
        self.check_refusals()
    }

    /// Who was closed for taking nothing had taken nothing for as long as it may.
    fn check_slow(&mut self) -> Found {
        let lost = |report: &ShardReport| report.stats.limits[LimitHit::DialectLoss as usize];
        let lost: u64 = self.reports().iter().map(lost).sum();
        let net = self.net.borrow();
        let progress = self.state.limits.progress.as_nanos() as u64;
        for member in &self.shards {
            let core = member.shard.core.borrow();
            for session in core.sessions.iter().flatten() {
                let Some(closing) = session.closing.filter(|closing| closing.reason == CloseReason::Slow)
                else {
                    continue;
                };
                let link = session.transport.stream.link;
                if !self.slow.insert(link) {
                    continue;
                }
                let path = &net.links[link];
                // One that is held was sent no data: it has proved nothing.
                let is_held = session.hold == DataHold::Window;
                let took_at = if is_held { path.proved_at } else { path.down.progress_at };
                let stalled = closing.since.since(took_at);
                // What it has sent or taken a moment ago has not come to the server.
                let is_unheard = stalled <= path.plan.delay_us * 1_000;
                // A dialect's client that has missed a trade is closed, however much it takes. Each is counted.
                if session.dialect.is_some() && self.excused < lost {
                    self.excused += 1;
                    continue;
                }
                if stalled < progress && !is_unheard {
                    let (client, ms) = (net.links[link].client, stalled / 1_000_000);
                    return Err((
                        Law::Cause,
                        format!("client {client} is closed as slow, and took something {ms} ms ago"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Who proves what it reads is not sent further ahead than it reads within the target, or than 64 KiB.
    fn check_ahead(&self) -> Found {
        let net = self.net.borrow();
        let target_ms = self.state.limits.target_delay.as_millis() as u64;
        for member in &self.shards {
            let core = member.shard.core.borrow();
            for session in core.sessions.iter().flatten().filter(|session| session.closing.is_none()) {
                let proof = session.window.as_deref().map(|window| window.proof);
                if !matches!(proof, Some(ReadProof::Pongs | ReadProof::Acks)) {
                    continue;
                }
                let path = &net.links[session.transport.stream.link];
                let ahead = path.down.given - path.down.read;
                let within = path.plan.bytes_a_ms * (2 * path.plan.delay_us / 1_000 + target_ms);
                if ahead > within.max(AHEAD_BYTES) + CONTROL_AHEAD_BYTES {
                    let what = format!("client {} is sent {ahead} bytes more than it has read", path.client);
                    return Err((Law::Ahead, what));
                }
            }
        }
        Ok(())
    }

    fn check_memory(&self) -> Found {
        let limits: &tickcast::limits::Limits = &self.state.limits;
        for member in &self.shards {
            let core = member.shard.core.borrow();
            for session in core.sessions.iter().flatten() {
                let control_max = limits.control_bytes + limits.message_bytes;
                let rest = session.rest.len();
                let rest_max = if session.in_flight.is_some() {
                    self.frame_bytes_max + JOINED_BYTES
                } else {
                    control_max
                };
                if session.control.len() > control_max || rest > rest_max {
                    let (number, control) = (session.number, session.control.len());
                    return Err((Law::Memory, format!("session {number} holds {control} and {rest} bytes")));
                }
            }
        }
        Ok(())
    }

    /// Who was refused was one too many.
    fn check_refusals(&mut self) -> Found {
        let limits = self.state.limits.clone();
        for (reason, before) in REFUSALS.into_iter().zip(&mut self.refused) {
            let count = self.server.rejected.get(reason);
            if std::mem::replace(before, count) == count {
                continue;
            }
            let net = self.net.borrow();
            let mut of_address = std::collections::BTreeMap::<IpAddr, usize>::new();
            for (link, address) in net.links.iter().zip(&self.addresses) {
                *of_address.entry(*address).or_default() += usize::from(!link.server_closed);
            }
            let most = of_address.values().max().copied().unwrap_or(0);
            let is_right = match reason {
                RejectedReason::TooManySessions => {
                    self.state.sessions.load(Ordering::Relaxed) >= limits.sessions
                }
                RejectedReason::TooManyPerAddress => most >= limits.sessions_per_address,
                // The one that was refused is closed already.
                _ => most + 1 >= limits.connections_per_address,
            };
            if !is_right {
                let sessions = self.state.sessions.load(Ordering::Relaxed);
                let what = format!("{} with {sessions} sessions, {most} of one address", reason.label());
                return Err((Law::Cause, what));
            }
        }
        Ok(())
    }
}

impl Member {
    /// As the loop of a shard's thread waits, in its order of urgency.
    fn is_runnable(&mut self, now: Nanos) -> bool {
        if self.is_done {
            return false;
        }
        if !self.inbox.is_empty() || self.due <= now || self.sweep_at <= now {
            return true;
        }
        let is_woken = pin!(self.wake.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        if is_woken {
            self.due = now;
        }
        is_woken
    }

    /// As the loop of a shard's thread goes round once.
    pub fn step(&mut self) {
        let now = self.shard.node.clock.now();
        if let Ok(message) = self.inbox.try_recv() {
            assert!(self.shard.handle(message).is_none(), "connections come by another way here");
        } else if self.sweep_at <= now {
            self.shard.core.borrow_mut().sweep();
            self.sweep_at = now.plus(SWEEP);
        }
        match self.shard.turn() {
            Some(due) => {
                let wait = self.shard.wait(&due);
                self.due = self.shard.node.clock.now().plus(wait);
            }
            None => {
                self.is_done = true;
                self.inbox.close();
            }
        }
    }
}

/// As HTTP serves a connection: the request's head is read to its end, which the opening leaves to HTTP when it comes in
/// parts. `None`: it has not come in time, or there is nothing to answer here.
async fn read_request(connection: &mut HttpConnection<SimSocket>) -> Option<(Request<()>, usize)> {
    let head_bytes = loop {
        if let Some(end) = connection.read.windows(HEAD_END.len()).position(|window| window == HEAD_END) {
            break end + HEAD_END.len();
        }
        let mut bytes = [0; 1024];
        let received = poll_fn(|context| match connection.stream.poll_receive(context, &mut bytes) {
            Poll::Ready(result) => Poll::Ready(result.unwrap_or(0)),
            Poll::Pending => connection.deadline.as_mut().poll(context).map(|()| 0),
        });
        let received = received.await;
        if received == 0 {
            return None;
        }
        connection.read.extend_from_slice(&bytes[..received]);
    };
    let mut lines = str::from_utf8(&connection.read[..head_bytes]).ok()?.lines();
    let (method, target) = lines.next()?.strip_suffix(" HTTP/1.1")?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    Some((request.body(()).ok()?, head_bytes))
}

/// Serves what is not a plain upgrade: the two streams as HTTP does, everything else by HTTP itself.
async fn serve_http(routes: Routes, shard: Rc<Shard<SimSocket>>, mut connection: HttpConnection<SimSocket>) {
    let Some((request, head_bytes)) = read_request(&mut connection).await else { return };
    if shard.server.draining.load(Ordering::Relaxed) {
        return;
    }
    if request.uri().path() != STREAM_PATH && request.uri().path() != "/v1/sse" {
        // The connection is counted for as long as it is served.
        let HttpConnection { stream, read, counted: _counted, .. } = connection;
        return http::serve(routes, stream, read).await;
    }
    if request.uri().path() != STREAM_PATH {
        if let Some(task) = events(&shard, &request, connection) {
            task.await;
        }
        return;
    }
    let Ok(accepted) = handshake::check(&request, &shard.node.limits) else { return };
    let HttpConnection { stream, read, peer, counted, .. } = connection;
    let span = spans::upgrade();
    let admission = sessions::admit(&shard.server, &request, peer);
    let agent = shard.core.borrow_mut().agents.of(user_agent(request.headers()));
    let is_local = sessions::is_local(&shard.server, &request, peer);
    let peer = Peer { address: peer.address, agent, is_local };
    let (encoding, counted) = (accepted.encoding, Some(counted));
    let new =
        NewSession { stream, encoding, dialect: None, peer, read_ahead: &read[head_bytes..], counted, span };
    let session = new.begin(shard, admission, accepted.head());
    session.await;
}

/// As HTTP answers `GET /v1/sse`.
fn events(
    shard: &Rc<Shard<SimSocket>>,
    request: &Request<()>,
    connection: HttpConnection<SimSocket>,
) -> Option<EventTask<SimSocket>> {
    let HttpConnection { stream, peer, counted, .. } = connection;
    let query = request.uri().query()?;
    let mut command = subscribe_command(query, None)?;
    let permit = match sessions::permit(&shard.server, request, peer) {
        Ok(permit) => permit,
        Err((reason, _)) => {
            shard.server.rejected.count(reason);
            return None;
        }
    };
    let access = sessions::access(&shard.server, request).ok()?;
    let left_at = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let rights = match &access {
        SessionAccess::Granted { rights, .. } => Arc::clone(rights),
        SessionAccess::Awaited => Rights::nothing(),
    };
    if let Some(position) = left_at.and_then(|id| Position::parse(&shard.node.position_key, id))
        && let Some(resume) = position.resume(&shard.node, &command, &rights)
    {
        command = subscribe_command(query, Some(&resume)).unwrap_or(command);
    }
    let agent = shard.core.borrow_mut().agents.of(user_agent(request.headers()));
    let takes_gzip = request.headers().get("accept-encoding").is_some_and(|coding| coding == "gzip");
    let (encoding, coding) = if takes_gzip {
        (Encoding::EVENT_STREAM_GZIP, "Content-Encoding: gzip\r\n")
    } else {
        (Encoding::EVENT_STREAM, "")
    };
    let peer = Peer { address: peer.address, agent, is_local: false };
    let events = AdmittedEvents { peer, permit, access, command, encoding };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{coding}\r\n").into_bytes();
    let counted: Option<Connection> = Some(counted);
    Some(events.begin(shard, stream, head, counted))
}
