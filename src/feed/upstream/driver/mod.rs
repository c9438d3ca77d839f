//! The shell around the machines: a feed's thread with a runtime of its own, where each link is a task.
//!
//! Links push what they decode into one [`Upstream`]; the feed's task takes it from there into the sink, a batch at a
//! time. Everything runs on the feed's thread, so nothing here is locked. Invariants: a stop ends the feed at once, also
//! in the middle of a handshake; a link's failure is that link's alone.

mod allowance;
mod connect;
pub mod control;
mod http;
mod link;
mod log;
mod retry_after;
mod tasks;

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Builder,
    sync::{Notify, mpsc},
    task::LocalSet,
};

use super::{
    config::UpstreamConfig,
    core::{LinkAction, LinkId, LogLine, Upstream, UpstreamOut},
};
use crate::{
    clock::Clock,
    feed::{DeclaredSymbols, Feed, FeedError, RefusedTick, Sink},
    shutdown::Stop,
    tick::{CustomFields, Symbol},
};
use connect::Connector;
use control::{SymbolsChange, UpstreamControl};
use log::UpstreamLog;
use tasks::{FeedTasks, LinkCommand};

/// A feed from a venue, ready to run.
pub struct UpstreamFeed {
    name: String,
    config: UpstreamConfig,
    control: Arc<UpstreamControl>,
    fields: Arc<CustomFields>,
}

/// A link's task, which ends when this is dropped.
struct LinkHandle {
    commands: mpsc::UnboundedSender<LinkCommand>,
    task: tokio::task::JoinHandle<()>,
}

/// How often the condition of links is reported.
const REPORT: Duration = Duration::from_millis(250);

// === impl UpstreamFeed ===

impl UpstreamFeed {
    pub fn new(name: &str, config: UpstreamConfig, fields: Arc<CustomFields>) -> Self {
        let control = Arc::new(UpstreamControl::new(config.clone()));
        UpstreamFeed { name: name.to_owned(), config, control, fields }
    }

    /// What the tasks of one run share.
    fn tasks(&self, wants_raw: bool) -> FeedTasks {
        let clock = Clock::system();
        let UpstreamConfig { dialer, prefix, mute, .. } = &self.config;
        let (allowance, seed) = (allowance::of(&self.config), clock.now().0.unsigned_abs());
        let upstream = Upstream::new(Arc::clone(dialer), prefix, *mute, allowance, seed);
        FeedTasks {
            upstream: RefCell::new(upstream),
            out: RefCell::default(),
            lag: RefCell::default(),
            raw: wants_raw.then(RefCell::default),
            ready: Notify::new(),
            clock,
        }
    }
}

impl Feed for UpstreamFeed {
    fn run(self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError> {
        let broken = |source| FeedError::Runtime { venue: self.config.venue, source };
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(broken)?;
        let connector = Connector::new(&self.config.trust).map_err(broken)?;
        let stopped = Arc::new(Notify::new());
        let told = Arc::clone(&stopped);
        stop.calls(move || told.notify_one());
        let stopping = async {
            while !stop.is_set() {
                stopped.notified().await;
            }
        };
        let shared = Rc::new(self.tasks(sink.wants_raw()));
        // Links that are still open are dropped with the set.
        LocalSet::new().block_on(&runtime, async {
            tokio::select! {
                biased;
                () = stopping => {}
                () = run(&self, connector, sink, &shared) => {}
            }
        });
        // What came before the stop is delivered, though its turn has not come.
        let mut out = shared.out.take();
        deliver(&mut out, sink, &mut Vec::new(), &mut UpstreamLog::new(&self.name), &shared);
        Ok(())
    }

    fn upstream(&self) -> Option<Arc<UpstreamControl>> {
        Some(Arc::clone(&self.control))
    }

    fn listing(&self) -> Option<Arc<dyn DeclaredSymbols>> {
        Some(Arc::<UpstreamControl>::clone(&self.control))
    }
}

/// A symbol that is configured is not a misspelt one, also while its venue is away.
impl DeclaredSymbols for UpstreamControl {
    fn lists(&self, symbol: &Symbol) -> bool {
        self.names(symbol)
    }
}

async fn run(feed: &UpstreamFeed, connector: Connector, sink: &mut dyn Sink, shared: &Rc<FeedTasks>) {
    let clock = shared.clock;
    let mut log = UpstreamLog::new(&feed.name);
    let connector = Rc::new(connector);
    let mut symbols = http::symbols(&feed.config, &connector, &mut log, sink).await;
    let (tell, mut listed) = mpsc::unbounded_channel();
    tokio::task::spawn_local(http::list_again(feed.config.clone(), Rc::clone(&connector), tell));
    shared.change(&SymbolsChange { added: symbols.clone(), removed: Vec::new() });
    let mut links: HashMap<LinkId, LinkHandle> = HashMap::new();
    let mut reported: Option<Instant> = None;
    let mut refused: Vec<RefusedTick> = Vec::new();
    loop {
        let now = clock.now();
        shared.upstream.borrow_mut().turn(now, &mut shared.out.borrow_mut());
        let mut out = std::mem::take(&mut *shared.out.borrow_mut());
        for action in out.actions.drain(..) {
            act(feed, &connector, shared, &mut links, action);
        }
        deliver(&mut out, sink, &mut refused, &mut log, shared);
        // The vectors keep their room.
        out.clear();
        *shared.out.borrow_mut() = out;
        if reported.is_none_or(|reported| reported.elapsed() >= REPORT) {
            reported = Some(Instant::now());
            sink.links(&shared.links());
        }
        let due = shared.upstream.borrow().due(clock.now());
        let wait = Duration::from_nanos(due.since(clock.now()));
        tokio::select! {
            () = shared.ready.notified() => {}
            () = feed.control.changed() => {
                let wanted = feed.control.symbols();
                shared.change(&SymbolsChange::between(&symbols, &wanted));
                symbols = wanted;
            }
            // Its end, where nothing is listed, leaves the other branches.
            Some(listed) = listed.recv() => {
                match listed {
                    Ok(page) => shared.listed(&mut symbols, page, &log),
                    Err(why) => log.told(clock.now(), LogLine::Warn(format!("the venue's list of symbols stays as it was: {why}"))),
                }
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn act(
    feed: &UpstreamFeed,
    connector: &Rc<Connector>,
    shared: &Rc<FeedTasks>,
    links: &mut HashMap<LinkId, LinkHandle>,
    action: LinkAction,
) {
    links.retain(|_, link| !link.task.is_finished());
    match action {
        LinkAction::Dial { link, group } => {
            let (commands, received) = mpsc::unbounded_channel();
            let conversation = feed.config.dialer.connect(&group, &feed.fields);
            let dial = link::LinkDial {
                id: link,
                dialer: Arc::clone(&feed.config.dialer),
                url: feed.config.url.clone(),
                group,
            };
            let (connector, shared) = (Rc::clone(connector), Rc::clone(shared));
            let task = tokio::task::spawn_local(link::run(dial, conversation, connector, shared, received));
            links.insert(link, LinkHandle { commands, task });
        }
        LinkAction::Close { link } => drop(links.remove(&link)),
        LinkAction::Change { link, add, remove } => {
            if let Some(link) = links.get(&link) {
                // A link that has ended is made anew with the streams that it should have.
                let _ = link.commands.send(LinkCommand::Change { add, remove });
            }
        }
    }
}

fn deliver(
    out: &mut UpstreamOut,
    sink: &mut dyn Sink,
    refused: &mut Vec<RefusedTick>,
    log: &mut UpstreamLog,
    shared: &FeedTasks,
) {
    let now = shared.clock.now();
    if let Some(ts) = out.ticks.last().and_then(|tick| tick.ts) {
        *shared.lag.borrow_mut() = Duration::from_nanos(now.since(ts));
    }
    if let Some(raw) = &shared.raw {
        raw.borrow_mut().drain(..).for_each(|(rx, message)| sink.raw(rx, &message));
    }
    if !out.ticks.is_empty() {
        sink.submit(&mut out.ticks, refused);
        log.refused(now, refused);
    }
    if !out.states.is_empty() {
        sink.states(&mut out.states);
    }
    for (reason, why) in out.rejects.drain(..) {
        sink.reject(reason);
        log.rejected(now, &why);
    }
    out.told.drain(..).for_each(|told| log.told(now, told));
}

impl Drop for LinkHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}
