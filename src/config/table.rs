//! Every key, in the order of the documentation: the only place that defines them. Keys of one table are together,
//! those without a table first, so that the order is also that of a file.
//!
//! The ranges are wide: they exclude what cannot work (a buffer of no bytes) and typing errors (a billion sessions),
//! not what is unwise. A field of [`Limits`] without a key does not compile.

use std::{net::SocketAddr, time::Duration};

use tickcast::{feed::Source, limits::Limits, web::Allowed};
use tracing::Level;

use super::{
    fault::Problem,
    key::{Applies, ConfigKey, Kind},
    settings::{Config, LogFormat},
    value::ValueUnit,
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;

/// Longest text that fixes an epoch: every `welcome` and every resume carries it.
const EPOCH_BYTES_MAX: usize = 32;

/// A field of [`Limits`] that a number sets.
trait Amount {
    fn from_number(number: u64) -> Self;
    fn number(&self) -> u64;
}

/// The name, unit and key of one field of [`Limits`]; names of times say milliseconds. `restart` before the meaning
/// marks a limit that is used once, at the start.
macro_rules! limit {
    (millis $field:ident $range:expr, $($rest:tt)*) => {
        limit!(@ concat!("limits.", stringify!($field), "_ms"), ValueUnit::Millis, $field, $range, $($rest)*)
    };
    (bytes $field:ident $range:expr, $($rest:tt)*) => {
        limit!(@ concat!("limits.", stringify!($field)), ValueUnit::Bytes, $field, $range, $($rest)*)
    };
    (count $field:ident $range:expr, $($rest:tt)*) => {
        limit!(@ concat!("limits.", stringify!($field)), ValueUnit::One, $field, $range, $($rest)*)
    };
    (@ $name:expr, $unit:expr, $field:ident, $range:expr, restart $doc:literal) => {
        limit!(@ $name, $unit, $field, $range, Applies::AtRestart, $doc)
    };
    (@ $name:expr, $unit:expr, $field:ident, $range:expr, $doc:literal) => {
        limit!(@ $name, $unit, $field, $range, Applies::AtOnce, $doc)
    };
    (@ $name:expr, $unit:expr, $field:ident, $range:expr, $applies:expr, $doc:literal) => {
        ConfigKey {
            name: $name,
            applies: $applies,
            kind: Kind::Number {
                unit: $unit,
                min: $range.0,
                max: $range.1,
                get: |config| config.limits.$field.number(),
                set: |config, number| config.limits.$field = Amount::from_number(number),
            },
            doc: $doc,
        }
    };
}

/// The table, and the proof that no field of [`Limits`] is missing in it.
macro_rules! keys {
    (general: [$($general:expr,)*] limits: $($unit:ident $field:ident $range:expr, $($restart:ident)? $doc:literal;)*) => {
        /// Every key.
        pub static KEYS: &[ConfigKey] = &[$($general,)* $(limit!($unit $field $range, $($restart)? $doc),)*];
        const _: fn(Limits) = |Limits { $($field: _),* }| ();
    };
}

keys! {
    general: [
        ConfigKey {
            name: "listen",
            applies: Applies::AtRestart,
            kind: Kind::Text { get: |config| config.listen.to_string(), set: set_listen },
            doc: "Address and port to listen on, for WebSocket and HTTP alike. Port 0 takes any free port; the first line \
                  of the log says which.",
        },
        ConfigKey {
            name: "admin_listen",
            applies: Applies::AtRestart,
            kind: Kind::Text {
                get: |config| config.admin_listen.map(|address| address.to_string()).unwrap_or_default(),
                set: set_admin_listen,
            },
            doc: "Address and port of a listener for operators, to which `/healthz`, `/readyz`, `/metrics`, `/debug/slow` and \
                  `/v1/replay` move: they leave `listen`. Empty: one port for all.",
        },
        ConfigKey {
            name: "feeds",
            applies: Applies::AtRestart,
            kind: Kind::List { get: |config| &config.feeds, set: set_feeds },
            doc: "Where ticks come from: one or more sources.",
        },
        ConfigKey {
            name: "shards",
            applies: Applies::AtRestart,
            kind: Kind::Number {
                unit: ValueUnit::One,
                min: 0,
                max: 1024,
                get: |config| config.shards.number(),
                set: |config, number| config.shards = Amount::from_number(number),
            },
            doc: "Threads that serve sessions, which they share. 0 stands for one a core: the most sessions, and the youngest prices. \
                  Fewer are busier and write more ticks at once: less CPU a message, older prices (docs/PERFORMANCE.md, Shards).",
        },
        ConfigKey {
            name: "allowed_origins",
            applies: Applies::AtOnce,
            kind: Kind::List { get: |config| &config.allowed_origins, set: set_origins },
            doc: "Web origins whose pages may connect and read, besides the service's own, such as `https://app.example.com`; \
                  `https://*.example.com` allows all names below it, `*` all origins. A name for the service itself, as \
                  `http://tickcast:8080`, must be here for browsers that reach it by that name: only `localhost` and \
                  addresses are known to be its own. Clients that are no browsers are not concerned.",
        },
        ConfigKey {
            name: "epoch",
            applies: Applies::AtRestart,
            kind: Kind::Text { get: |config| config.epoch.clone().unwrap_or_default(), set: set_epoch },
            doc: "Fixes the epoch, for tests alone. Empty: a new one at each start, as clients that resume need it.",
        },
        ConfigKey {
            name: "log.format",
            applies: Applies::AtRestart,
            kind: Kind::Word {
                words: &["text", "json"],
                get: |config| config.log_format.name(),
                set: |config, word| {
                    config.log_format = if word == "json" { LogFormat::Json } else { LogFormat::Text };
                },
            },
            doc: "How the log on standard error is written: `text` for people, `json` for machines, one object a line.",
        },
        ConfigKey {
            name: "log.level",
            applies: Applies::AtOnce,
            kind: Kind::Word {
                words: &["error", "warn", "info", "debug", "trace"],
                get: level_name,
                set: |config, word| config.log_level = word.parse().unwrap_or(Level::INFO),
            },
            doc: "The least severe lines that the log shows: `error`, `warn`, `info`, `debug` or `trace`.",
        },
    ]
    limits:
    count sessions (1, 1_000_000),
        "Sessions at once, over all shards.";
    count sessions_per_address (1, 1_000_000),
        "Sessions at once from one address; of IPv6, from one /64. Loopback is exempt.";
    count connections_per_address (1, 1_000_000),
        "Connections at once from one address, sessions included; of IPv6, from one /64. At least an eighth and 16 \
         more than `limits.sessions_per_address`, whatever is set. Loopback is exempt.";
    count bulk_requests (1, 10_000),
        "Requests with long answers (`/v1/symbols`, `/v1/snapshot` of more than 64 symbols or with globs) that are \
         answered at once. One more gets 503.";
    count subscriptions (1, 100_000),
        "Subscriptions of one session.";
    count globs (0, 10_000),
        "Standing globs (`BTC-*`) of one session.";
    count topics (1, 10_000_000),
        "Topics of the service: a tick of one symbol more is rejected.";
    count ring_ticks (1, 1_048_576),
        restart "Ticks that each topic keeps for mode `every` and for resume.";
    bytes message_bytes (256, 16 * MIB),
        "An inbound message. A longer one closes the session with 1009.";
    count commands_per_second (1, 1_000_000),
        "Commands a second of one session, sustained.";
    count commands_burst (1, 1_000_000),
        "Commands of one session at once, after a rest.";
    count frames_per_second (1, 1_000_000),
        "Inbound frames a second of one session, control frames included, sustained.";
    count frames_burst (1, 1_000_000),
        "Inbound frames of one session at once, after a rest.";
    bytes inbound_bytes_per_second (256, GIB),
        "Inbound bytes a second of one session, sustained.";
    bytes inbound_bytes_burst (4 * KIB, GIB),
        "Inbound bytes of one session at once, after a rest.";
    bytes frame_bytes (KIB, MIB),
        "An outbound data frame.";
    bytes unsent_bytes (16 * KIB, 64 * MIB),
        "What may be unsent for a session, in the kernel and in the service, before it conflates.";
    bytes control_bytes (16 * KIB, 256 * MIB),
        "Control messages that may wait for a session. More close it with 4009.";
    bytes publish_bytes (KIB, GIB),
        "The body of a `POST /v1/publish`.";
    bytes line_bytes (256, 16 * MIB),
        restart "One line of a feed. A longer one is rejected.";
    count shard_queue_ticks (1, 16_777_216),
        restart "Ticks that may wait for a shard before it catches up from the topics instead.";
    millis pause (0, 100),
        "The longest pause of a shard that is busy most of its time, between two rounds of writing, so that each write \
         carries more ticks; none while there is slack. 0 is never.";
    millis interval (0, 24 * HOUR),
        "The longest `interval_ms` that a subscription may ask for.";
    millis handshake (100, HOUR),
        "From accepting a connection to the end of its handshake or first request, and from the first byte of a later \
         request to its end.";
    millis idle (100, 24 * HOUR),
        "Between two requests of an HTTP connection: one that idles longer is closed. Longer than the load balancer's \
         own, which would else send a request into the close.";
    millis ping (100, HOUR),
        "Between the service's WebSocket pings.";
    millis pong (50, HOUR),
        "From a ping to its pong.";
    millis progress (100, HOUR),
        "Without one byte accepted while there is something to send. Then a session closes with 4008, and any other \
         connection ends.";
    millis close_grace (0, HOUR),
        "From a close frame until the connection is dropped, whatever the client has read.";
    millis heartbeat (50, HOUR),
        "Without a frame until a `heartbeat`.";
    millis stale (10, 24 * HOUR),
        "Without a tick until a symbol is stale.";
    millis drain_notice (0, HOUR),
        "From SIGTERM or SIGINT until the drain begins: `/readyz` is 503, and everything goes on, so that a balancer has seen it \
         when the drain begins. Not part of `limits.drain_ms`.";
    millis drain (0, HOUR),
        "From the begin of the drain to the end of the process, at most. Who takes nothing is cut at half of it.";
}

impl Amount for usize {
    fn from_number(number: u64) -> Self {
        usize::try_from(number).unwrap_or(usize::MAX)
    }

    fn number(&self) -> u64 {
        u64::try_from(*self).unwrap_or(u64::MAX)
    }
}

impl Amount for u32 {
    fn from_number(number: u64) -> Self {
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    fn number(&self) -> u64 {
        u64::from(*self)
    }
}

/// In milliseconds.
impl Amount for Duration {
    fn from_number(number: u64) -> Self {
        Duration::from_millis(number)
    }

    fn number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

fn set_listen(config: &mut Config, text: &str) -> Result<(), Problem> {
    config.listen = text.parse::<SocketAddr>().map_err(|_| Problem::Address { found: text.to_owned() })?;
    Ok(())
}

fn set_admin_listen(config: &mut Config, text: &str) -> Result<(), Problem> {
    let parsed = (!text.is_empty()).then(|| text.parse::<SocketAddr>()).transpose();
    config.admin_listen = parsed.map_err(|_| Problem::Address { found: text.to_owned() })?;
    Ok(())
}

/// Keeps the valid feeds: a check that opens them reports their faults too.
fn set_feeds(config: &mut Config, feeds: Vec<String>, problems: &mut Vec<Problem>) {
    if feeds.is_empty() {
        problems.push(Problem::NoFeed);
    }
    config.feeds.clear();
    for text in feeds {
        if config.feeds.contains(&text) {
            problems.push(Problem::FeedTwice { text });
            continue;
        }
        match Source::parse(&text) {
            Ok(_) => config.feeds.push(text),
            Err(source) => problems.push(Problem::Feed { text, source }),
        }
    }
}

fn level_name(config: &Config) -> &'static str {
    match config.log_level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn set_origins(config: &mut Config, origins: Vec<String>, problems: &mut Vec<Problem>) {
    let (sound, faulty): (Vec<_>, Vec<_>) =
        origins.into_iter().partition(|text| text == "*" || Allowed::parse(text).is_some());
    problems.extend(faulty.into_iter().map(|found| Problem::WebOrigin { found }));
    config.allowed_origins = sound;
}

fn set_epoch(config: &mut Config, text: &str) -> Result<(), Problem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if text.len() > EPOCH_BYTES_MAX || !text.bytes().all(allowed) {
        return Err(Problem::Epoch { found: text.to_owned() });
    }
    config.epoch = (!text.is_empty()).then(|| text.to_owned());
    Ok(())
}

// === impl ConfigKey ===

impl ConfigKey {
    pub fn find(name: &str) -> Option<&'static ConfigKey> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Whether `name` is a table of keys, as `log` is.
    pub(super) fn is_group(name: &str) -> bool {
        KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    }
}
