//! Every limit of the service, in one table: its key, its default, what it bounds.
//!
//! How they must relate is in `config/relation.rs`, which checks the defaults when compiling and every configuration
//! when reading it.

use std::time::Duration;

/// All limits. Counts are plain, sizes are in bytes, times are durations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Sessions at once, over all shards.
    pub sessions: usize,
    /// Sessions at once from one address (of IPv6, one /64). Loopback is exempt: there it is the proxy's address, not a
    /// client's.
    pub sessions_per_address: usize,
    /// Connections of clients at once from one address, sessions included; loopback is exempt.
    pub connections_per_address: usize,
    /// Requests with long answers that are answered at once, over all shards.
    pub bulk_requests: usize,
    /// Replays of their own that clients have at once.
    pub replays: usize,
    /// Subscriptions of one session.
    pub subscriptions: usize,
    /// Subscriptions of all sessions of one user; 0 for no limit.
    pub user_subscriptions: usize,
    /// Commands a second of all sessions of one user, sustained; 0 for no limit.
    pub user_commands_per_second: u32,
    /// Bytes of data a second that all sessions of one user are sent, sustained; 0 for no limit.
    pub user_bytes_per_second: u32,
    /// Standing globs of one session.
    pub globs: usize,
    /// Topics of the service.
    pub topics: usize,
    /// Ticks that a topic's ring holds.
    pub ring_ticks: usize,
    /// Trades with names that a topic's running table holds, for cancels and corrections; 0 keeps none.
    pub tape_trades: usize,
    /// Trades in all running tables together; a topic keeps [`TAPE_TRADES_ASSURED`] of its own beyond it.
    pub tape_trades_total: usize,
    /// Bytes of an inbound message.
    pub message_bytes: usize,
    /// Commands a second of one session, sustained.
    pub commands_per_second: u32,
    /// Commands of one session at once, after a pause.
    pub commands_burst: u32,
    /// Messages a second of one client of an exchange's protocol, pings and pongs included; 0: as many as it likes.
    pub dialect_messages_per_second: u32,
    /// Inbound frames a second of one session, including control frames other than answers to our own pings, sustained.
    pub frames_per_second: u32,
    /// Inbound frames of one session at once, after a pause.
    pub frames_burst: u32,
    /// Inbound bytes a second of one session, sustained.
    pub inbound_bytes_per_second: u32,
    /// Inbound bytes of one session at once, after a pause.
    pub inbound_bytes_burst: u32,
    /// Bytes of one outbound data frame.
    pub frame_bytes: usize,
    /// Bytes of an outbound message or answer from which it is compressed, for those who asked for that; 0: compression is off.
    pub deflate_bytes: usize,
    /// Bytes that may be unsent for a session, in the kernel and here, before it conflates.
    pub unsent_bytes: usize,
    /// How much longer than at best a session's data may be under way to its reader; zero for no bound.
    pub target_delay: Duration,
    /// Bytes of control messages that may wait for a session (close code 4009 beyond it).
    pub control_bytes: usize,
    /// Bytes of a `POST /v1/publish` body.
    pub publish_bytes: usize,
    /// Bytes of one line of a feed.
    pub line_bytes: usize,
    /// Ticks that may wait for a shard. With more, it drops them and continues from the records of the topics.
    pub shard_queue_ticks: usize,
    /// The longest pause between two turns of a busy shard, so that each write carries more ticks; 0 for none.
    pub pause: Duration,
    /// The longest `interval_ms`.
    pub interval: Duration,
    /// Time from accepting a connection to the end of its handshake or first request.
    pub handshake: Duration,
    /// Time that a WebSocket has to send its token, where nobody may read without one (close code 4101).
    pub auth: Duration,
    /// Handshakes of TLS that have begun, by a whole `ClientHello`, and are not done. One more drops another.
    pub tls_handshakes: usize,
    /// Time that an HTTP connection may be idle between two requests.
    pub idle: Duration,
    /// Time between WebSocket pings.
    pub ping: Duration,
    /// Time that a client has to answer a ping.
    pub pong: Duration,
    /// The longest time without one byte accepted while there is something to send (close code 4008).
    pub progress: Duration,
    /// Time from a close frame until the connection is dropped, whether or not the client has read it.
    pub close_grace: Duration,
    /// Time without a frame after which a session gets a heartbeat.
    pub heartbeat: Duration,
    /// Time without a tick after which a symbol is stale.
    pub stale: Duration,
    /// Time from the signal until the drain begins: everything is served as before, but `/readyz` is 503.
    pub drain_notice: Duration,
    /// Longest time from the beginning of the drain to the end of the process.
    pub drain: Duration,
}

/// `TCP_NOTSENT_LOWAT` and what a session's own buffer holds must together stay below `unsent_bytes`.
pub const NOTSENT_LOWAT_BYTES: usize = 8 * 1024;
/// `SO_SNDBUF` of an accepted socket. It also holds bytes that are sent and not acknowledged.
pub const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Connections that the kernel may hold before they are accepted.
pub const LISTEN_BACKLOG: u32 = 4096;
/// Lines of the log that wait to be written, apart from as many that are being written.
pub const LOG_QUEUE_BYTES: usize = 1024 * 1024;
/// Trades with names that each topic may keep though all topics together keep [`Limits::tape_trades_total`].
pub const TAPE_TRADES_ASSURED: usize = 1024;
/// `read_buffer_size` of a session's WebSocket decoder.
pub const READ_BUFFER_BYTES: usize = 1024;

pub const DEFAULT: Limits = Limits {
    sessions: 10_000,
    sessions_per_address: 100,
    connections_per_address: 256,
    bulk_requests: 32,
    replays: 128,
    subscriptions: 2_048,
    user_subscriptions: 0,
    user_commands_per_second: 0,
    user_bytes_per_second: 0,
    globs: 64,
    topics: 100_000,
    ring_ticks: 1_024,
    tape_trades: 65_536,
    tape_trades_total: 1_048_576,
    message_bytes: 64 * 1024,
    commands_per_second: 50,
    commands_burst: 200,
    dialect_messages_per_second: 0,
    frames_per_second: 200,
    frames_burst: 1_000,
    inbound_bytes_per_second: 256 * 1024,
    inbound_bytes_burst: 2 * 1024 * 1024,
    frame_bytes: 16 * 1024,
    deflate_bytes: 256,
    unsent_bytes: 64 * 1024,
    target_delay: Duration::from_millis(250),
    control_bytes: 1024 * 1024,
    publish_bytes: 16 * 1024 * 1024,
    line_bytes: 64 * 1024,
    shard_queue_ticks: 65_536,
    pause: Duration::from_millis(1),
    interval: Duration::from_secs(60),
    handshake: Duration::from_secs(10),
    auth: Duration::from_secs(10),
    tls_handshakes: 16_384,
    idle: Duration::from_secs(75),
    ping: Duration::from_secs(20),
    pong: Duration::from_secs(10),
    progress: Duration::from_secs(10),
    close_grace: Duration::from_secs(10),
    heartbeat: Duration::from_secs(5),
    stale: Duration::from_secs(5),
    drain_notice: Duration::ZERO,
    drain: Duration::from_secs(10),
};

impl Default for Limits {
    fn default() -> Self {
        DEFAULT
    }
}
