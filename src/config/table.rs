//! Every key, in the order of the documentation: the only place that defines them. Keys of one table are together,
//! those without a table first, so that the order is also that of a file.
//!
//! The ranges are wide: they exclude what cannot work (a buffer of no bytes) and typing errors (a billion sessions),
//! not what is unwise. A field of [`Limits`] without a key does not compile.

use std::{net::SocketAddr, time::Duration};

use tickcast::{limits::Limits, web::Allowed};
use tracing::Level;

use super::{
    audit_keys, auth_keys, dialect_keys, epoch_key,
    fault::Problem,
    feeds,
    key::{Applies, ConfigKey, Kind},
    proxy_keys, replay_keys,
    settings::{Config, LogFormat},
    value::ValueUnit,
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;

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
            doc: "Address and port to listen on, for both WebSocket and HTTP. Port 0 takes any free port; the first \
                  line of the log names it.",
        },
        ConfigKey {
            name: "admin_listen",
            applies: Applies::AtRestart,
            kind: Kind::Text {
                get: |config| config.admin_listen.map(|address| address.to_string()).unwrap_or_default(),
                set: set_admin_listen,
            },
            doc: "Address and port of a separate listener for operators. `/healthz`, `/readyz`, `/metrics`, \
                  `/debug/…`, \
                  `/v1/admin/…`, `/v1/replay` and `/v1/faults` are then served there and not on `listen`. Empty: \
                  everything is served on `listen`.",
        },
        ConfigKey {
            name: "feeds",
            applies: Applies::AtRestart,
            kind: Kind::List { get: |config| &config.feeds, set: feeds::set },
            doc: "Sources of ticks, one or more.",
        },
        replay_keys::RECORDINGS,
        ConfigKey {
            name: "fields",
            applies: Applies::AtRestart,
            kind: Kind::Fields,
            doc: "Additional fields of a record, such as `mark` or `open_interest`, up to 64: a table `[[fields]]` \
                  for each, with `name`, `kind` (`decimal`, `integer` or `text`), `merge` (`last`, `sum`, `min`, \
                  `max` or `first`) and \
                  `symbols`, or `name:kind:merge:symbols` in one string. See the section on fields.",
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
            doc: "Number of threads that serve sessions; each session belongs to one of them. 0 is one for each \
                  core, which serves the most sessions with the lowest latency. With fewer shards, each is busier \
                  and writes more ticks at once: less CPU for each message, but older prices (docs/PERFORMANCE.md, \
                  Shards).",
        },
        ConfigKey {
            name: "allowed_origins",
            applies: Applies::AtOnce,
            kind: Kind::List { get: |config| &config.allowed_origins, set: set_origins },
            doc: "Web origins whose pages may connect and read, in addition to the service's own, such as \
                  `https://app.example.com`. `https://*.example.com` allows all subdomains, `*` all origins. When \
                  browsers reach the service by a host name, such as `http://tickcast:8080`, list that origin too: \
                  only `localhost` and IP addresses count as its own. Clients other than browsers are not affected.",
        },
        proxy_keys::TRUSTED,
        dialect_keys::DIALECTS,
        epoch_key::EPOCH,
        auth_keys::KEYS, auth_keys::AUDIENCE, auth_keys::ISSUER, auth_keys::SESSIONS_OVER, auth_keys::DELAY,
        auth_keys::DELAYED_GRID, auth_keys::PRODUCTS,
        auth_keys::REVOKED, auth_keys::API_KEYS, auth_keys::JWKS_CA, auth_keys::CACHE_DIR, auth_keys::ANONYMOUS_READ,
        auth_keys::ANONYMOUS_DELAYED, auth_keys::ANONYMOUS_PUBLISH, auth_keys::ANONYMOUS_FIELDS,
        auth_keys::ANONYMOUS_CLASS, auth_keys::ANONYMOUS_INTERVAL,
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
            doc: "Format of the log on standard error: `text`, or `json` with one object a line.",
        },
        ConfigKey {
            name: "log.level",
            applies: Applies::AtOnce,
            kind: Kind::Word {
                words: &["error", "warn", "info", "debug", "trace"],
                get: level_name,
                set: |config, word| config.log_level = word.parse().unwrap_or(Level::INFO),
            },
            doc: "Lowest severity that is logged: `error`, `warn`, `info`, `debug` or `trace`.",
        },
        ConfigKey {
            name: "tls.certs",
            applies: Applies::AtRestart,
            kind: Kind::List { get: |config| &config.tls_certs, set: set_certs },
            doc: "Files of certificate chains in PEM, the service's own certificate first. If set, every port \
                  speaks TLS: `https` and `wss`. With several, a client gets the first that is valid for the host \
                  name it asks for (SNI), or else the first. The files are reloaded when they change, and on SIGHUP.",
        },
        ConfigKey {
            name: "tls.keys",
            applies: Applies::AtRestart,
            kind: Kind::List { get: |config| &config.tls_keys, set: set_keys },
            doc: "Files of unencrypted private keys in PEM, one for each of `tls.certs` in the same order.",
        },
        ConfigKey {
            name: "tls.client_ca",
            applies: Applies::AtRestart,
            kind: Kind::Text {
                get: |config| config.tls_client_ca.clone(),
                set: |config, text| {
                    text.clone_into(&mut config.tls_client_ca);
                    Ok(())
                },
            },
            doc: "File of certificate authorities in PEM. If set, every client must present a certificate that one \
                  of them issued (mutual TLS).",
        },
        audit_keys::FILE, audit_keys::FILE_BYTES, audit_keys::ON_FAILURE,
    ]
    limits:
    count sessions (1, 1_000_000),
        "Concurrent sessions, over all shards.";
    count sessions_per_address (1, 1_000_000),
        "Concurrent sessions from one IPv4 address or one IPv6 /64. Loopback is exempt.";
    count connections_per_address (1, 1_000_000),
        "Concurrent connections from one IPv4 address or one IPv6 /64, sessions included. The effective limit is \
              never less than `limits.sessions_per_address` plus an eighth of it plus 16. Loopback is exempt.";
    count bulk_requests (1, 10_000),
        "Concurrent requests with long responses (`/v1/symbols`, `/v1/snapshot` of more than 64 symbols or with \
              globs). Further ones get 503.";
    count replays (0, 10_000),
        "Concurrent replays that clients run by themselves. Further ones are refused.";
    count subscriptions (1, 100_000),
        "Subscriptions of one session.";
    count user_subscriptions (0, 100_000_000),
        "Subscriptions of all sessions of one user (`sub`) together. 0: no limit.";
    count user_commands_per_second (0, 1_000_000),
        "Sustained rate of commands a second of all sessions of one user together, with a burst of 4 s. 0: no limit.";
    bytes user_bytes_per_second (0, GIB),
        "Sustained rate of data, in bytes a second, to all sessions of one user together. Beyond it they conflate. \
              0: no limit.";
    count globs (0, 10_000),
        "Glob subscriptions (`BTC-*`) of one session.";
    count topics (1, 10_000_000),
        "Topics (symbols) of the service. Beyond it, ticks of new symbols are rejected.";
    count ring_ticks (1, 1_048_576),
        restart "Size of each topic's ring buffer in ticks, for modes `every` and `trades` and for resume.";
    count tape_trades (0, 16_777_216),
        "Trades with a `trade_id` that each topic keeps so that they can be cancelled and corrected, 80 bytes each; \
              0 for none.";
    count tape_trades_total (0, 1_073_741_824),
        "Trades with a `trade_id` that all topics together keep. Beyond it a topic's history stops growing, but \
              each keeps at least 1,024.";
    bytes message_bytes (256, 16 * MIB),
        "Largest inbound message. A longer one closes the session with 1009.";
    count commands_per_second (1, 1_000_000),
        "Sustained rate of commands a second of one session.";
    count commands_burst (1, 1_000_000),
        "Burst of commands of one session.";
    count dialect_messages_per_second (0, 1_000_000),
        "Messages a second, pings and pongs included, beyond which a client of an exchange protocol is \
              disconnected, as its exchange would: 5 for Binance. 0: no limit.";
    count frames_per_second (1, 1_000_000),
        "Sustained rate of inbound frames a second of one session, including control frames other than answers to the \
         server's own pings.";
    count frames_burst (1, 1_000_000),
        "Burst of inbound frames of one session.";
    bytes inbound_bytes_per_second (256, GIB),
        "Sustained rate of inbound bytes a second of one session.";
    bytes inbound_bytes_burst (4 * KIB, GIB),
        "Burst of inbound bytes of one session.";
    bytes frame_bytes (KIB, MIB),
        "Largest outbound data frame.";
    bytes deflate_bytes (0, MIB),
        "Outbound messages and responses of at least this size are compressed for clients that negotiate \
              compression. 0 turns compression off, also for sessions that have negotiated it.";
    bytes unsent_bytes (16 * KIB, 64 * MIB),
        "Most unsent data of a session, in the kernel and in the service, before the service conflates for it.";
    millis target_delay (0, 60 * SECOND),
        "Target for the queueing delay between the service and the reader of a WebSocket, including proxies and the \
              client's receive queue. Beyond it the service sends less at a time, and conflates. 0: no bound.";
    bytes control_bytes (16 * KIB, 256 * MIB),
        "Most bytes of control messages that may wait for a session. Beyond it the session is closed with 4009.";
    bytes publish_bytes (KIB, GIB),
        "Largest body of a `POST /v1/publish`.";
    bytes line_bytes (256, 16 * MIB),
        restart "Longest line of a feed. A longer line is rejected.";
    count shard_queue_ticks (1, 16_777_216),
        restart "Ticks that may wait for a shard. Beyond it the shard drops them and continues from the current \
              records.";
    millis pause (0, 100),
        "The longest pause between two turns of a busy shard, so that each write carries more ticks. A shard that \
              is not busy does not pause. 0: no pauses.";
    millis interval (0, 24 * HOUR),
        "The longest `interval_ms` that a subscription may ask for.";
    millis handshake (100, HOUR),
        "Time from accepting a connection to the end of its handshake or first request, and from the first byte of \
              a later request to its end.";
    millis auth (100, HOUR),
        "Time that a WebSocket has to send its token, if one is required. Then it is closed with 4101.";
    count tls_handshakes (1, 1_000_000),
        restart "Concurrent TLS handshakes, counted from a complete `ClientHello`. One more drops the oldest \
              handshake of the address (for IPv6 the /64) that has the most. Each takes about 8 KB.";
    millis idle (100, 24 * HOUR),
        "Time after which an idle HTTP connection is closed. Set it longer than the load \
         balancer's own idle timeout, or the balancer may send a request to a connection that is being closed.";
    millis ping (100, HOUR),
        "Interval of the service's WebSocket pings.";
    millis pong (50, HOUR),
        "Time that a client has to answer a ping with a pong.";
    millis progress (100, HOUR),
        "Time for which a client may accept no data while there is some to send. Then a session is closed with \
              4008, and any other connection is dropped.";
    millis close_grace (0, HOUR),
        "Time from a close frame until the connection is dropped, whether or not the client has read it.";
    millis heartbeat (50, HOUR),
        "Time without any other frame after which a session gets a `heartbeat`.";
    millis stale (10, 24 * HOUR),
        "Time without a tick after which a symbol is stale.";
    millis drain_notice (0, HOUR),
        "Time from SIGTERM or SIGINT until the drain begins. Meanwhile `/readyz` returns 503 and everything else \
              continues, so that load balancers can react. Not part of `limits.drain_ms`.";
    millis drain (0, HOUR),
        "Longest time from the start of the drain to the end of the process. A client that accepts no data is \
              disconnected after half of it.";
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

fn set_certs(config: &mut Config, files: Vec<String>, problems: &mut Vec<Problem>) {
    problems.extend(
        files.iter().filter(|file| file.is_empty()).map(|_| Problem::FileUnnamed { key: "tls.certs" }),
    );
    config.tls_certs = files;
}

fn set_keys(config: &mut Config, files: Vec<String>, problems: &mut Vec<Problem>) {
    problems.extend(
        files.iter().filter(|file| file.is_empty()).map(|_| Problem::FileUnnamed { key: "tls.keys" }),
    );
    config.tls_keys = files;
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
