//! The thread that writes accounts, and the bounded queue before it.
//!
//! Loss first: [`QUEUE_EVENTS`] events wait. One more is lost and counted; so are those that the disk does not take for as
//! long as it takes none. Then the accounts have failed, until everything that waits has been written again, with a record of how many
//! are missing.
//!
//! Invariant: telling an event never waits.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use compact_str::CompactString;

use super::{
    event::{DEFAULT_PRODUCT, Event, Via, Who},
    file::{AuditFile, AuditFileError},
    month::Month,
    seen::Seen,
};
use crate::tick::{Nanos, Symbol};

/// How accounts are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditSetup {
    pub path: PathBuf,
    /// A file that has grown beyond this is rotated.
    pub bytes_max: u64,
    pub on_failure: OnFailure,
}

/// What becomes of new sessions and requests while accounts cannot be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFailure {
    /// They are refused; those that are open go on.
    #[default]
    RefuseNew,
    GoOn,
}

/// Says by which product the use of a symbol is reported.
pub type ProductOf = Box<dyn Fn(&Symbol) -> CompactString + Send + Sync>;

/// Takes events, from any thread.
pub struct AuditLog {
    /// The current file.
    path: PathBuf,
    /// `None` is the last message.
    queue: SyncSender<Option<(Nanos, Event)>>,
    shared: Arc<AuditCounts>,
    on_failure: OnFailure,
    products: ProductOf,
    /// Held for a look at each symbol that a subscription is sent first; nothing waits while holding it.
    seen: Mutex<Seen>,
    refusals: Mutex<Refusals>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Refusals of the second that is.
#[derive(Default)]
struct Refusals {
    second: i64,
    told: u32,
    untold: u64,
}

#[derive(Default)]
struct AuditCounts {
    /// Events that were lost and are not recorded as lost yet.
    unrecorded: AtomicU64,
    lost: AtomicU64,
    written: AtomicU64,
    has_failed: AtomicBool,
}

/// Events that wait to be written.
const QUEUE_EVENTS: usize = 16 * 1024;
/// Refusals that are recorded one by one.
const REFUSALS_A_SECOND: u32 = 100;
/// Symbols of one record.
const SYMBOLS_A_RECORD: usize = 256;
/// Events that are written at once.
const BATCH_EVENTS: usize = 1_024;
/// The pause before the disk is asked again, and the time after which what was written is on it.
const PAUSE: Duration = Duration::from_secs(1);

impl AuditLog {
    /// Opens the file, and starts the thread.
    ///
    /// # Errors
    /// When the file cannot be continued, or the thread not be started.
    pub fn start(setup: &AuditSetup, now: Nanos) -> Result<Self, AuditFileError> {
        let file = AuditFile::open(&setup.path, setup.bytes_max, now)?;
        let (queue, events) = sync_channel(QUEUE_EVENTS);
        let shared = Arc::new(AuditCounts::default());
        let writer = AuditWriter {
            file,
            events,
            shared: Arc::clone(&shared),
            batch: Vec::new(),
            last: now,
            is_over: false,
        };
        let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run());
        let thread = thread
            .map_err(|source| AuditFileError::Open { path: setup.path.display().to_string(), source })?;
        Ok(AuditLog {
            path: setup.path.clone(),
            queue,
            shared,
            on_failure: setup.on_failure,
            products: Box::new(|_| DEFAULT_PRODUCT.into()),
            seen: Mutex::default(),
            refusals: Mutex::default(),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The file that is written now; full ones are beside it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// With products beside the default one.
    pub fn with_products(self, products: ProductOf) -> Self {
        AuditLog { products, ..self }
    }

    /// Records an event; `now` is by the machine's clock.
    pub fn tell(&self, now: Nanos, event: Event) {
        if self.queue.try_send(Some((now, event))).is_err() {
            self.shared.lose(1);
        }
    }

    /// Records what a user was sent of these symbols for the first time in this month; others are left out.
    pub fn tell_received<'a>(
        &self,
        now: Nanos,
        who: &Who,
        via: Via,
        delayed: bool,
        symbols: impl Iterator<Item = &'a Symbol>,
    ) {
        let month = Month::of(now);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let news = seen.news(month, who, delayed, via, symbols);
        drop(seen);
        let mut by_product: BTreeMap<CompactString, Vec<&Symbol>> = BTreeMap::new();
        for symbol in news {
            by_product.entry((self.products)(symbol)).or_default().push(symbol);
        }
        for (product, news) in by_product {
            for some in news.chunks(SYMBOLS_A_RECORD) {
                let symbols = some.iter().map(|symbol| symbol.as_str().into()).collect();
                let (who, product) = (who.clone(), product.clone());
                self.tell(now, Event::Received { who, product, symbols, delayed, via });
            }
        }
    }

    /// Records how many messages, events or answers of a product a user was sent.
    pub fn tell_used(&self, now: Nanos, who: Who, product: CompactString, via: Via, messages: u64) {
        if messages > 0 {
            self.tell(now, Event::Used { who, product, messages, via });
        }
    }

    /// Records a refusal. Beyond [`REFUSALS_A_SECOND`] they are only counted, so that whoever is refused cannot fill the disk.
    pub fn tell_refused(&self, now: Nanos, who: Who, address: IpAddr, code: &str, symbol: Option<&Symbol>) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now.0.div_euclid(1_000_000_000);
        if second != refusals.second {
            let count = std::mem::take(&mut refusals.untold);
            *refusals = Refusals { second, told: 0, untold: 0 };
            self.tell_refused_more(now, count);
        }
        if refusals.told == REFUSALS_A_SECOND {
            refusals.untold += 1;
            return;
        }
        refusals.told += 1;
        drop(refusals);
        let symbol = symbol.map(|symbol| symbol.as_str().into());
        self.tell(now, Event::Refused { who, address: address.to_canonical(), code: code.into(), symbol });
    }

    fn tell_refused_more(&self, now: Nanos, count: u64) {
        if count > 0 {
            self.tell(now, Event::RefusedMore { count });
        }
    }

    /// Whether new sessions and requests are refused now.
    pub fn refuses(&self) -> bool {
        self.on_failure == OnFailure::RefuseNew && self.has_failed()
    }

    pub fn has_failed(&self) -> bool {
        self.shared.has_failed.load(Ordering::Relaxed)
    }

    /// Events that were not recorded.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// Writes what waits, and ends. Later events are lost.
    pub fn close(&self, now: Nanos) {
        let refusals = std::mem::take(&mut *self.refusals.lock().unwrap_or_else(PoisonError::into_inner));
        self.tell_refused_more(now, refusals.untold);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It has nothing to return, and may have ended by a panic, which is in the log.
            let _ = self.queue.send(None);
            let _ = thread.join();
        }
    }
}

impl AuditCounts {
    fn lose(&self, events: u64) {
        self.lost.fetch_add(events, Ordering::Relaxed);
        self.unrecorded.fetch_add(events, Ordering::Relaxed);
        self.has_failed.store(true, Ordering::Relaxed);
    }
}

struct AuditWriter {
    file: AuditFile,
    events: Receiver<Option<(Nanos, Event)>>,
    shared: Arc<AuditCounts>,
    /// What the disk has not taken yet.
    batch: Vec<(Nanos, Event)>,
    /// The time of the newest event.
    last: Nanos,
    is_over: bool,
}

impl AuditWriter {
    fn run(mut self) {
        let mut is_synced = true;
        while !self.is_over {
            self.gather();
            let is_idle = self.batch.is_empty() && self.shared.unrecorded.load(Ordering::Relaxed) == 0;
            let result = match is_idle {
                true if is_synced => Ok(()),
                true => self.file.sync(),
                false => self.write(),
            };
            is_synced = is_idle && result.is_ok();
            self.note(&result);
        }
        let result = self.write().and_then(|()| self.file.sync());
        self.note(&result);
    }

    /// Waits for events, and takes those that there are.
    fn gather(&mut self) {
        if self.batch.len() >= BATCH_EVENTS {
            // The disk takes nothing. What comes meanwhile waits in the queue.
            return thread::sleep(PAUSE);
        }
        match self.events.recv_timeout(PAUSE) {
            Ok(message) => self.take(message),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => self.is_over = true,
        }
        while self.batch.len() < BATCH_EVENTS && !self.is_over {
            let Ok(message) = self.events.try_recv() else { break };
            self.take(message);
        }
    }

    fn take(&mut self, message: Option<(Nanos, Event)>) {
        match message {
            Some((at, event)) => {
                self.last = self.last.max(at);
                self.batch.push((at, event));
            }
            None => self.is_over = true,
        }
    }

    /// Writes the batch, and how many events are missing behind it.
    fn write(&mut self) -> io::Result<()> {
        let missing = self.shared.unrecorded.load(Ordering::Relaxed);
        while !self.batch.is_empty() {
            let count = self.file.append(&self.batch)?;
            self.batch.drain(..count);
            self.shared.written.fetch_add(count as u64, Ordering::Relaxed);
        }
        if missing > 0 {
            self.file.append(&[(self.last, Event::Lost { events: missing })])?;
            self.shared.unrecorded.fetch_sub(missing, Ordering::Relaxed);
        }
        Ok(())
    }

    fn note(&self, result: &io::Result<()>) {
        match result {
            Ok(()) if self.shared.unrecorded.load(Ordering::Relaxed) == 0 => {
                if self.shared.has_failed.swap(false, Ordering::Relaxed) {
                    tracing::info!("the audit is written again");
                }
            }
            Ok(()) => {}
            Err(error) => {
                if !self.shared.has_failed.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the audit cannot be written");
                }
            }
        }
    }
}
