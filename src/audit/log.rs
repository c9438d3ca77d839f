//! The bounded queue before the thread that writes accounts.
//!
//! Loss first: [`QUEUE_EVENTS`] events wait. One more is lost and counted; so are those that the disk does not take for as
//! long as it takes none. Then the accounts have failed, until everything that waits has been written again, with a record of how many
//! are missing.
//!
//! Invariant: telling an event never waits.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use compact_str::CompactString;

use super::{
    event::{AuditChannel, AuditUser, DEFAULT_PRODUCT, Event},
    file::{AuditFile, AuditFileError},
    month::Month,
    seen::Seen,
    writer::{AuditCounts, AuditWriter},
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

/// Events that wait to be written.
const QUEUE_EVENTS: usize = 16 * 1024;
/// Refusals that are recorded one by one.
const REFUSALS_A_SECOND: u32 = 100;
/// Symbols of one event.
const SYMBOLS_AN_EVENT: usize = 256;

impl AuditLog {
    /// Opens the file, and starts the thread.
    ///
    /// # Errors
    /// When the file cannot be continued, or the thread not be started.
    pub fn start(setup: &AuditSetup, now: Nanos) -> Result<Self, AuditFileError> {
        let file = AuditFile::open(&setup.path, setup.bytes_max, now)?;
        let (queue, events) = sync_channel(QUEUE_EVENTS);
        let shared = Arc::new(AuditCounts::default());
        let writer = AuditWriter::new(file, events, Arc::clone(&shared), now);
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
        who: &AuditUser,
        via: AuditChannel,
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
            for some in news.chunks(SYMBOLS_AN_EVENT) {
                let symbols = some.iter().map(|symbol| symbol.as_str().into()).collect();
                let (who, product) = (who.clone(), product.clone());
                self.tell(now, Event::Received { who, product, symbols, delayed, via });
            }
        }
    }

    /// Records how many messages, events or answers of a product a user was sent.
    pub fn tell_used(
        &self,
        now: Nanos,
        who: AuditUser,
        product: CompactString,
        via: AuditChannel,
        messages: u64,
    ) {
        if messages > 0 {
            self.tell(now, Event::Used { who, product, messages, via });
        }
    }

    /// Records a refusal. Beyond [`REFUSALS_A_SECOND`] they are only counted, so that whoever is refused cannot fill the disk.
    pub fn tell_refused(
        &self,
        now: Nanos,
        who: AuditUser,
        address: IpAddr,
        code: &str,
        symbol: Option<&Symbol>,
    ) {
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
