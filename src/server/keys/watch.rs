//! The two threads that keep access keys current, and how a reload reaches them.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Builder;
use tokio_rustls::TlsConnector;

use super::{
    fetch::{fetch, tls},
    files::AuthFiles,
    last_good::LastGood,
    servers::KeyServer,
    stats::KeyServerStats,
};
use crate::access::{
    Authority,
    faults::{AuthFault, AuthProblem, AuthWarning},
    settings::AuthSettings,
};

/// Keeps an authority's keys and lists up to date. Ends its threads when dropped.
pub struct AuthWatch {
    shared: Arc<Shared>,
}

struct Shared {
    authority: Arc<Authority>,
    /// Locked to check files, or to take in an answer; never during a query.
    opened: Mutex<OpenedAuth>,
    ended: AtomicBool,
    /// Whether the file thread, and the key server thread, were started: each only when needed.
    watches: AtomicBool,
    asks: AtomicBool,
    stats: Arc<KeyServerStats>,
}

/// The opened sources of the settings. Replaced whole by a reload.
struct OpenedAuth {
    files: AuthFiles,
    tls: Option<TlsConnector>,
    copies: Option<LastGood>,
    /// Increases with each reload, so that late answers to old queries are ignored.
    number: u64,
}

/// Interval of file checks. A revoked user must be gone 250 ms after a change of the list; shards check their sessions
/// as soon as it was read.
const LOOK: Duration = Duration::from_millis(50);
/// Interval of checks whether a key server is due.
const STEP: Duration = Duration::from_millis(250);

// === impl AuthWatch ===

impl AuthWatch {
    /// Reads all files and prepares watching.
    ///
    /// # Errors
    /// All errors of all files. An unreachable key server is none.
    pub fn start(settings: AuthSettings) -> Result<(Arc<Authority>, AuthWatch), Vec<AuthFault>> {
        let mut opened = OpenedAuth::open(settings, 0)?;
        let authority = Arc::new(Authority::open());
        opened.files.give(&authority);
        opened.take_copies(&authority);
        let opened = Mutex::new(opened);
        let shared = Arc::new(Shared {
            authority: Arc::clone(&authority),
            opened,
            ended: AtomicBool::new(false),
            watches: AtomicBool::new(false),
            asks: AtomicBool::new(false),
            stats: Arc::default(),
        });
        Ok((authority, AuthWatch { shared }))
    }

    /// How asking the key servers goes.
    pub fn stats(&self) -> Arc<KeyServerStats> {
        Arc::clone(&self.shared.stats)
    }

    /// Starts the threads that the settings need and that are not running yet.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn watch(&self) -> io::Result<()> {
        let (watches, asks) = {
            let files = &self.shared.opened().files;
            (files.has_files(), files.servers().next().is_some())
        };
        if watches && !self.shared.watches.swap(true, Ordering::Relaxed) {
            let shared = Arc::downgrade(&self.shared);
            thread::Builder::new().name("auth".to_owned()).spawn(move || watch_files(&shared))?;
        }
        if asks && !self.shared.asks.swap(true, Ordering::Relaxed) {
            let shared = Arc::downgrade(&self.shared);
            thread::Builder::new().name("auth-keys".to_owned()).spawn(move || ask_servers(&shared))?;
        }
        Ok(())
    }

    /// Switches to new settings and the files that they name.
    ///
    /// # Errors
    /// All errors of all files; then nothing changes.
    pub fn reload(&self, settings: AuthSettings) -> Result<(), Vec<AuthFault>> {
        let number = self.shared.opened().number + 1;
        let mut opened = OpenedAuth::open(settings, number)?;
        let mut old = self.shared.opened();
        opened.take_over(&old);
        opened.files.give(&self.shared.authority);
        opened.take_copies(&self.shared.authority);
        *old = opened;
        drop(old);
        if let Err(error) = self.watch() {
            tracing::error!(%error, "files of access are not watched: the system gives no thread");
        }
        Ok(())
    }

    /// The warnings that [`Self::start`] would give, as far as possible without writing anything.
    ///
    /// # Errors
    /// All errors that it would report.
    pub fn check(settings: AuthSettings) -> Result<Vec<AuthWarning>, Vec<AuthFault>> {
        let cache = settings.cache.clone().filter(|directory| directory.exists() && !directory.is_dir());
        let opened = OpenedAuth::open(AuthSettings { cache: None, ..settings }, 0);
        let (warnings, mut faults) = match opened {
            Ok(opened) => (opened.files.warnings(), Vec::new()),
            Err(faults) => (Vec::new(), faults),
        };
        faults.extend(cache.map(|path| {
            let problem = AuthProblem::Cache(io::ErrorKind::NotADirectory.into());
            AuthFault { key: "auth.cache_dir", path, problem }
        }));
        if faults.is_empty() { Ok(warnings) } else { Err(faults) }
    }
}

impl Drop for AuthWatch {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn opened(&self) -> MutexGuard<'_, OpenedAuth> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shared state, until the service has ended.
fn alive(shared: &Weak<Shared>) -> Option<Arc<Shared>> {
    shared.upgrade().filter(|shared| !shared.ended.load(Ordering::Relaxed))
}

fn watch_files(shared: &Weak<Shared>) {
    while let Some(shared) = alive(shared) {
        shared.opened().files.poll(&shared.authority);
        drop(shared);
        thread::sleep(LOOK);
    }
}

fn ask_servers(shared: &Weak<Shared>) {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
        tracing::error!("key servers cannot be asked: the system gives no runtime");
        return;
    };
    let (mut servers, mut number) = (Vec::new(), None);
    while let Some(shared) = alive(shared) {
        let now = Instant::now();
        let (tls, copies, present) = {
            let opened = shared.opened();
            if number != Some(opened.number) {
                servers = opened.files.servers().map(|url| KeyServer::new(url.clone(), now)).collect();
                shared.stats.ask(opened.files.servers(), now);
                number = Some(opened.number);
            }
            (opened.tls.clone(), opened.copies.clone(), opened.number)
        };
        let unknown = shared.authority.unknown_keys();
        for server in &mut servers {
            let Some(tls) = tls.as_ref().filter(|_| server.is_due(now, unknown)) else { continue };
            let answer = runtime.block_on(fetch(&server.url, tls));
            let Some(keys) = server.answered(answer, copies.as_ref(), Instant::now()) else {
                shared.stats.failed();
                continue;
            };
            shared.stats.answered(&server.url, Instant::now());
            let mut opened = shared.opened();
            if opened.number == present {
                opened.files.take_keys_of(&server.url, &keys, &shared.authority);
            }
        }
        drop(shared);
        thread::sleep(STEP);
    }
}

// === impl OpenedAuth ===

impl OpenedAuth {
    fn open(settings: AuthSettings, number: u64) -> Result<Self, Vec<AuthFault>> {
        let (authorities, cache) = (settings.jwks_ca.clone(), settings.cache.clone());
        let mut faults = Vec::new();
        let files = AuthFiles::open(settings).map_err(|found| faults.extend(found)).ok();
        let asks = files.as_ref().is_some_and(|files| files.servers().next().is_some());
        let mut fault =
            |key, path: &Path, problem| faults.push(AuthFault { key, path: path.to_owned(), problem });
        let mut opened_tls = None;
        if asks || authorities.is_some() {
            match tls(authorities.as_deref()) {
                Ok(tls) => opened_tls = Some(tls),
                Err(problem) => {
                    fault("auth.jwks_ca", authorities.as_deref().unwrap_or(Path::new("")), problem);
                }
            }
        }
        let mut copies = None;
        if let Some(directory) = cache.filter(|_| asks) {
            match LastGood::open(&directory) {
                Ok(opened) => copies = Some(opened),
                Err(error) => fault("auth.cache_dir", &directory, AuthProblem::Cache(error)),
            }
        }
        match files {
            Some(files) if faults.is_empty() => Ok(OpenedAuth { files, tls: opened_tls, copies, number }),
            _ => Err(faults),
        }
    }

    /// Keeps keys that a server has given until it gives others.
    fn take_over(&mut self, old: &OpenedAuth) {
        self.files.take_over(&old.files);
    }

    /// Loads the copies on disk of servers that have not answered yet.
    fn take_copies(&mut self, authority: &Authority) {
        let servers: Vec<_> =
            self.files.servers().filter(|url| !self.files.has_keys_of(url)).cloned().collect();
        for url in servers {
            match self.copies.as_ref().and_then(|copies| copies.read(&url)) {
                Some(set) => {
                    tracing::info!(server = %url, keys = set.keys.len(), "the last good copy of a key server's keys is used until it answers");
                    self.files.take_keys_of(&url, &set.keys, authority);
                }
                None => tracing::info!(server = %url, "there are no keys of a key server until it answers"),
            }
        }
    }
}
