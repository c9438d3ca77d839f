//! The service's settings: gathered from flags, environment, file and defaults, in that order of precedence.
//!
//! This is the pure part: it is handed the flags, the variables and the text of the file, and touches nothing. The
//! command line reads them (`cli::settings`), `docs/CONFIGURATION.md` describes them, and [`KEYS`] is the only place
//! where a key, its kind, its range and its meaning are written down.
//!
//! Invariants: everything that was given is judged before anything is reported, also what a higher layer overrides; a
//! [`Config`] without faults holds every [`Relation`] between its limits.

use std::{collections::BTreeMap, ffi::OsString, net::SocketAddr};

use tracing::Level;

use crate::limits::{self, Limits};

mod change;
mod environment;
mod fault;
mod file;
mod flags;
mod key;
mod origin;
mod relation;
mod shown;
mod suggest;
mod table;

pub use change::{Change, Changes};
pub use environment::{CONFIG, variable};
pub use fault::{Fault, Faults, Problem};
pub use flags::Flags;
pub use key::{Applies, Key, Kind, Unit, Value};
pub use origin::Origin;
pub use relation::Relation;
pub use table::KEYS;

/// What `tickcast serve` runs by. Every field has one key in [`KEYS`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Where operators are served, when not there; port 0 as above.
    pub admin_listen: Option<SocketAddr>,
    /// The sources of ticks, as texts that [`crate::feed::Source`] reads.
    pub feeds: Vec<String>,
    /// Threads that serve sessions; 0 stands for one a core.
    pub shards: usize,
    pub log_format: LogFormat,
    pub log_level: Level,
    /// Web origins that browsers may connect from, besides the service's own; `*` stands for all.
    pub allowed_origins: Vec<String>,
    pub limits: Limits,
    /// The epoch to use instead of a new one at each start. Only for tests: a restart under the same epoch with
    /// other ticks breaks the promise that (epoch, symbol, seq) names one tick for ever.
    pub epoch: Option<String>,
}

/// How a line of the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// All layers together: the settings, where each that was given came from, and every fault.
#[derive(Debug)]
pub struct Gathered {
    /// Complete, but only to be used when there are no faults.
    pub config: Config,
    /// Who gave a key last, rightly or not; a key that is missing here has its default.
    pub origins: BTreeMap<&'static str, Origin>,
    pub faults: Vec<Fault>,
}

/// What one layer gave, in its own order, and what was wrong with it before any key could judge it.
#[derive(Default)]
struct Layer {
    given: Vec<Given>,
    faults: Vec<Fault>,
}

/// One setting, not yet judged.
struct Given {
    key: String,
    raw: key::Raw,
    origin: Origin,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: None,
            feeds: vec!["replay:bundled?loop=true".to_owned()],
            shards: 0,
            log_format: LogFormat::Text,
            log_level: Level::INFO,
            allowed_origins: Vec::new(),
            limits: limits::DEFAULT,
            epoch: None,
        }
    }
}

impl Config {
    /// Flags over environment over file over defaults. `file` is the path, for messages, and the text.
    ///
    /// # Errors
    /// Every fault of every layer, at once.
    pub fn gather(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<(&str, &str)>,
    ) -> Result<Config, Faults> {
        let gathered = Gathered::new(flags, environment, file);
        if gathered.faults.is_empty() { Ok(gathered.config) } else { Err(Faults(gathered.faults)) }
    }
}

// === impl LogFormat ===

impl LogFormat {
    pub const fn name(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}

// === impl Gathered ===

impl Gathered {
    /// Like [`Config::gather`], for who also wants to know where each value came from.
    pub fn new(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<(&str, &str)>,
    ) -> Gathered {
        let mut gathered =
            Gathered { config: Config::default(), origins: BTreeMap::new(), faults: Vec::new() };
        // The lowest layer first, so that each may override the one before.
        let layers = [
            file.map(|(path, text)| file::read(path, text)),
            Some(environment::read(environment)),
            Some(flags::read(flags)),
        ];
        let mut faulty = Vec::new();
        for layer in layers.into_iter().flatten() {
            gathered.faults.extend(layer.faults);
            for given in layer.given {
                gathered.take(given, &mut faulty);
            }
        }
        for relation in Relation::ALL {
            gathered.relate(relation, &faulty);
        }
        gathered
    }

    /// Lets the key judge what was given; a faulty key is noted in `faulty`.
    fn take(&mut self, given: Given, faulty: &mut Vec<&'static str>) {
        let Given { key: name, raw, origin } = given;
        let Some(key) = Key::find(&name) else {
            let near = suggest::key(&name);
            self.faults.push(Fault { origin, problem: Problem::UnknownKey { key: name, near } });
            return;
        };
        let mut problems = Vec::new();
        key.apply(raw, &mut self.config, &mut problems);
        if !problems.is_empty() {
            faulty.push(key.name);
        }
        self.faults.extend(problems.into_iter().map(|problem| Fault { origin: origin.clone(), problem }));
        self.origins.insert(key.name, origin);
    }

    /// Checks one relation between limits, unless one of them is faulty: then nothing can be said.
    fn relate(&mut self, relation: Relation, faulty: &[&'static str]) {
        let keys = relation.keys();
        if relation.holds(&self.config.limits) || keys.iter().any(|key| faulty.contains(key)) {
            return;
        }
        let origin_of = |key: &&str| self.origins.get(*key).cloned().unwrap_or(Origin::Default);
        let values = keys
            .iter()
            .map(|name| {
                let value = Key::find(name).map_or(Value::Number(0), |key| key.value(&self.config));
                (*name, value, origin_of(name))
            })
            .collect();
        // The highest layer that had a hand in it is where the operator looks first.
        let origin = keys.iter().map(origin_of).max_by_key(Origin::rank).unwrap_or(Origin::Default);
        self.faults.push(Fault { origin, problem: Problem::Contradiction { relation, values } });
    }
}

#[cfg(test)]
mod tests;
