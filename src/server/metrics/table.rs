//! All of our metrics, declared once with handle, name, labels and meaning. Those of the process (`process_*`) are in
//! `process.rs`.
//!
//! A test compares docs/METRICS.md with [`ALL`]. Invariants: a metric has as many labels as its handle; label values
//! never come from clients.

use prometheus::Registry;

use super::{
    ages::AgeHistogram,
    handles::{CountGauge, CountGaugeBy, Definition, Handle, Seconds, SecondsBy, Total, TotalBy},
};

macro_rules! metrics {
    ($($field:ident: $handle:ty = $name:literal $(by [$($label:literal),+])?, $help:literal;)+) => {
        /// The handle of each metric.
        #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "those of TLS stay 0 without it"))]
        pub struct Handles {
            $(pub $field: $handle,)+
        }

        #[expect(non_upper_case_globals, reason = "each is called as its handle is")]
        mod definition {
            use super::*;

            $(pub const $field: Definition = Definition {
                name: $name,
                kind: <$handle as Handle>::KIND,
                labels: &[$($($label),+)?],
                help: $help,
            };)+
        }

        /// The declarations of all metrics.
        pub const ALL: &[Definition] = &[$(definition::$field,)+];

        impl Handles {
            /// Registers every metric.
            ///
            /// # Errors
            /// When two have one name.
            pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
                Ok(Handles {
                    $($field: Handle::register(registry, &definition::$field)?,)+
                })
            }
        }

        $(const _: () = assert!(<$handle as Handle>::LABELS == definition::$field.labels.len());)+
    };
}

metrics! {
    ticks_ingested: TotalBy<1> = "tickcast_ticks_ingested_total" by ["feed"],
        "Ticks ingested into topics.";
    ticks_rejected: TotalBy<2> = "tickcast_ticks_rejected_total" by ["feed", "reason"],
        "Lines and ticks of a feed that were rejected.";
    updates_offered: Total = "tickcast_updates_offered_total",
        "Ticks offered to subscriptions, counted once for each subscription.";
    updates_delivered: Total = "tickcast_updates_delivered_total",
        "Updates that sockets accepted.";
    updates_conflated: Total = "tickcast_updates_conflated_total",
        "Ticks merged into delivered updates, not counting the newest tick of each.";
    updates_filtered: Total = "tickcast_updates_filtered_total",
        "Ticks without any field that the subscription selects.";
    updates_gapped: TotalBy<1> = "tickcast_updates_gapped_total" by ["reason"],
        "Ticks announced as lost by a gap message.";
    updates_discarded: Total = "tickcast_updates_discarded_total",
        "Ticks still due when their subscription or session ended.";
    updates_pending: CountGauge = "tickcast_updates_pending",
        "Ticks not yet sent to subscriptions, computed from their cursors.";
    updates_residual: CountGauge = "tickcast_updates_residual",
        "Offered ticks less all other accounts; anything but 0 is a bug.";
    delayed_updates: TotalBy<1> = "tickcast_delayed_updates_total" by ["outcome"],
        "Ticks of the delayed market, offered and by outcome; accounted for separately.";
    delayed_pending: CountGauge = "tickcast_delayed_pending",
        "Ticks of the delayed market that are due and not yet sent to subscriptions.";
    delayed_residual: CountGauge = "tickcast_delayed_residual",
        "Offered ticks of the delayed market less all other accounts; anything but 0 is a bug.";
    delayed_waiting_records: CountGaugeBy<1> = "tickcast_delayed_waiting_records" by ["delay_ms"],
        "Records whose delay has not passed yet.";
    delayed_waiting_bytes: CountGaugeBy<1> = "tickcast_delayed_waiting_bytes" by ["delay_ms"],
        "Memory of those records.";
    delayed_released: Total = "tickcast_delayed_released_total",
        "Records published after their delay.";
    delayed_resyncs: Total = "tickcast_delayed_resyncs_total",
        "Times that the delayed market lost batches and resynchronised from the current records.";
    update_age_seconds: AgeHistogram = "tickcast_update_age_seconds",
        "Latency from ingest of a tick until the socket accepted its message.";
    read_age_seconds: AgeHistogram = "tickcast_read_age_seconds",
        "Latency from ingest of a tick until the client confirmed that it was read, by a pong or `ack`; one observation for each confirmation.";
    frames_sent: Total = "tickcast_frames_sent_total",
        "Frames that sockets accepted completely.";
    bytes_sent: Total = "tickcast_bytes_sent_total",
        "Bytes that sockets of sessions accepted.";
    deflate_plain_bytes: Total = "tickcast_deflate_plain_bytes_total",
        "Uncompressed bytes of messages that were compressed for WebSockets and event streams. A shared message counts once.";
    deflate_bytes: Total = "tickcast_deflate_bytes_total",
        "Compressed bytes of the same messages.";
    commands: Total = "tickcast_commands_total",
        "Commands of clients, including invalid ones.";
    sessions_opened: Total = "tickcast_sessions_opened_total",
        "Sessions opened.";
    sessions_closed: TotalBy<1> = "tickcast_sessions_closed_total" by ["reason"],
        "Sessions ended, by close reason.";
    sessions: CountGaugeBy<1> = "tickcast_sessions" by ["pace"],
        "Open sessions, by whether they keep up.";
    dialect_sessions: CountGaugeBy<1> = "tickcast_dialect_sessions" by ["dialect"],
        "Open sessions that speak an exchange's protocol.";
    venue_faults: TotalBy<1> = "tickcast_venue_faults_total" by ["kind"],
        "Faults that a scenario injected into sessions that speak an exchange's protocol.";
    venue_faults_withheld: Total = "tickcast_venue_faults_withheld_total",
        "Messages that injected faults dropped. Their ticks count as discarded.";
    sessions_held: CountGauge = "tickcast_sessions_held",
        "Sessions that wait for the client to confirm what it has read before they send more data.";
    sessions_unanswering: CountGauge = "tickcast_sessions_unanswering",
        "Sessions whose client never answered a ping in time, so it is unknown what it has read.";
    subscriptions: CountGauge = "tickcast_subscriptions",
        "Subscriptions.";
    topics: CountGauge = "tickcast_topics",
        "Topics.";
    topics_stale: CountGauge = "tickcast_topics_stale",
        "Topics without a tick for longer than limits.stale_ms.";
    handshakes_rejected: TotalBy<1> = "tickcast_handshakes_rejected_total" by ["reason"],
        "Handshakes rejected.";
    access_refused: TotalBy<1> = "tickcast_access_refused_total" by ["reason"],
        "Tokens that were refused, and requests that a token did not allow.";
    tls_handshakes: TotalBy<2> = "tickcast_tls_handshakes_total" by ["version", "kind"],
        "Completed TLS handshakes.";
    tls_rejected: TotalBy<1> = "tickcast_tls_rejected_total" by ["reason"],
        "TLS connections that ended before their handshake was complete.";
    tls_handshake_seconds: AgeHistogram = "tickcast_tls_handshake_seconds",
        "Duration of TLS handshakes, including the time waiting for the client.";
    tls_handshakes_under_way: CountGauge = "tickcast_tls_handshakes_under_way",
        "TLS handshakes in progress; the limit is limits.tls_handshakes.";
    tls_certificate_expires_seconds: SecondsBy<1> = "tickcast_tls_certificate_expires_seconds" by ["certificate"],
        "Expiry of each certificate in use, as Unix time, by its index in tls.certs.";
    tls_files_faulty: CountGauge = "tickcast_tls_files_faulty",
        "1 while the TLS files cannot be loaded and the previous ones stay in use.";
    key_fetch_failures: Total = "tickcast_key_fetch_failures_total",
        "Requests to key servers that failed.";
    key_server_age_seconds: SecondsBy<1> = "tickcast_key_server_age_seconds" by ["server"],
        "Time since the last successful response of a key server, or since the start, by its index in auth.keys.";
    limit_hits: TotalBy<1> = "tickcast_limit_hits_total" by ["limit"],
        "Times that a limit was reached, by its key.";
    shard_resyncs: Total = "tickcast_shard_resyncs_total",
        "Times that a shard fell behind ingest and resynchronised from the current records.";
    work_units: Total = "tickcast_work_units_total",
        "Units of work on commands, new symbols and ended sessions; a unit is one symbol or pattern looked at.";
    work_slices: Total = "tickcast_work_slices_total",
        "Slices into which that work and other bulk work was cut, not counting small ones.";
    work_slice_longest_seconds: Seconds = "tickcast_work_slice_longest_seconds",
        "CPU time of the longest slice since the start.";
    shards: CountGauge = "tickcast_shards",
        "Shards that answered this scrape.";
    feed_lag_seconds: SecondsBy<1> = "tickcast_feed_lag_seconds" by ["feed"],
        "How far a replay or simulated feed is behind its schedule.";
    feed_silence_seconds: SecondsBy<1> = "tickcast_feed_silence_seconds" by ["feed"],
        "Time since a feed's last tick; absent before the first.";
    feed_up: CountGaugeBy<1> = "tickcast_feed_up" by ["feed"],
        "1 while a feed runs, 0 after it has ended or failed.";
    feed_reconnects: TotalBy<1> = "tickcast_feed_reconnects_total" by ["feed"],
        "Reconnects of a feed.";
    feed_connections: CountGaugeBy<1> = "tickcast_feed_connections" by ["feed"],
        "Open connections of a feed to its venue; only for venue feeds.";
    feed_connections_wanted: CountGaugeBy<1> = "tickcast_feed_connections_wanted" by ["feed"],
        "Connections that the feed needs.";
    feed_messages: TotalBy<1> = "tickcast_feed_messages_total" by ["feed"],
        "Messages received from the venue of a feed.";
    feed_venue_lag_seconds: SecondsBy<1> = "tickcast_feed_venue_lag_seconds" by ["feed"],
        "Time from the venue's timestamp of the last tick to its receipt, as the two clocks differ.";
    feed_duplicates: TotalBy<1> = "tickcast_feed_duplicates_total" by ["feed"],
        "Duplicate ticks, sent twice or over two connections; each was ingested once.";
    feed_gaps: TotalBy<1> = "tickcast_feed_gaps_total" by ["feed"],
        "Gaps in the venue's own sequence numbers.";
    feed_missing: TotalBy<1> = "tickcast_feed_missing_total" by ["feed"],
        "Ticks missing in those gaps.";
    feed_resubscribed: TotalBy<1> = "tickcast_feed_resubscribed_total" by ["feed"],
        "Silent streams that were subscribed to again.";
    replays: CountGauge = "tickcast_replays",
        "Replays that clients are running by themselves.";
    replays_ended: TotalBy<1> = "tickcast_replays_ended_total" by ["end"],
        "Ended client replays, by how they ended.";
    replay_messages: Total = "tickcast_replay_messages_total",
        "Messages of client replays.";
    replay_bytes: Total = "tickcast_replay_bytes_total",
        "Bytes of those messages, including framing.";
    limits_replays: CountGauge = "tickcast_limits_replays",
        "Current value of limits.replays.";
    draining: CountGauge = "tickcast_draining",
        "1 while the server is shutting down.";
    uptime_seconds: Seconds = "tickcast_uptime_seconds",
        "Time since the start.";
    ready: CountGauge = "tickcast_ready",
        "1 while /readyz returns 200: started, not shutting down, all shards responding.";
    updates_pending_oldest_seconds: Seconds = "tickcast_updates_pending_oldest_seconds",
        "Age of the oldest tick that is not sent yet; 0 if there is none.";
    subscriptions_behind: CountGauge = "tickcast_subscriptions_behind",
        "Subscriptions that are behind.";
    waiting_bytes: CountGauge = "tickcast_waiting_bytes",
        "Bytes in session buffers that sockets have not accepted yet.";
    control_waiting_max_bytes: CountGauge = "tickcast_control_waiting_max_bytes",
        "Largest control queue of any session, in bytes; the limit is limits.control_bytes.";
    shards_configured: CountGauge = "tickcast_shards_configured",
        "Number of shards.";
    limits_sessions: CountGauge = "tickcast_limits_sessions",
        "Current value of limits.sessions.";
    limits_topics: CountGauge = "tickcast_limits_topics",
        "Current value of limits.topics.";
    limits_control_bytes: CountGauge = "tickcast_limits_control_bytes",
        "Current value of limits.control_bytes.";
    limits_stale_seconds: Seconds = "tickcast_limits_stale_seconds",
        "Current value of limits.stale_ms.";
    limits_drain_seconds: Seconds = "tickcast_limits_drain_seconds",
        "Current value of limits.drain_ms.";
    log_lines_dropped: Total = "tickcast_log_lines_dropped_total",
        "Log lines dropped because standard error was not read in time.";
    audit_failed: CountGauge = "tickcast_audit_failed",
        "1 while the usage audit cannot be written.";
    audit_events: Total = "tickcast_audit_events_total",
        "Events written to the usage audit.";
    audit_events_lost: Total = "tickcast_audit_events_lost_total",
        "Events missing in the usage audit.";
    build_info: CountGaugeBy<1> = "tickcast_build_info" by ["version"],
        "Always 1; the labels have the version.";
}
