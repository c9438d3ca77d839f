//! Every metric of ours, declared once: its handle, its name, its labels and its meaning. The process's own
//! (`process_*`) are apart.
//!
//! A test compares docs/METRICS.md with [`ALL`]. Invariants: a metric has as many labels as its handle; no label has
//! values that a client could invent.

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

        /// Every metric as it is declared.
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
        "Ticks taken into topics.";
    ticks_rejected: TotalBy<2> = "tickcast_ticks_rejected_total" by ["feed", "reason"],
        "Lines and ticks of a feed that were not taken.";
    updates_offered: Total = "tickcast_updates_offered_total",
        "Ticks offered to subscriptions, one for each of them.";
    updates_delivered: Total = "tickcast_updates_delivered_total",
        "Updates that sockets accepted.";
    updates_conflated: Total = "tickcast_updates_conflated_total",
        "Ticks that a delivered update stood for, beside its newest.";
    updates_filtered: Total = "tickcast_updates_filtered_total",
        "Ticks without any field that the subscription wants.";
    updates_gapped: TotalBy<1> = "tickcast_updates_gapped_total" by ["reason"],
        "Ticks announced as lost by a gap message.";
    updates_discarded: Total = "tickcast_updates_discarded_total",
        "Ticks still due when their subscription or session ended.";
    updates_pending: CountGauge = "tickcast_updates_pending",
        "Ticks due to subscriptions, found by walking their cursors.";
    updates_residual: CountGauge = "tickcast_updates_residual",
        "Offered less all that became of it: 0, or the accounts are wrong.";
    delayed_updates: TotalBy<1> = "tickcast_delayed_updates_total" by ["outcome"],
        "Ticks offered to subscriptions of the delayed market, and what became of them; accounts of their own.";
    delayed_pending: CountGauge = "tickcast_delayed_pending",
        "Ticks of the delayed market that are shown, and due to subscriptions.";
    delayed_residual: CountGauge = "tickcast_delayed_residual",
        "In the delayed market: offered less all that became of it: 0, or the accounts are wrong.";
    delayed_waiting_records: CountGaugeBy<1> = "tickcast_delayed_waiting_records" by ["delay_ms"],
        "Records that wait until they may be shown delayed.";
    delayed_waiting_bytes: CountGaugeBy<1> = "tickcast_delayed_waiting_bytes" by ["delay_ms"],
        "Memory of the records that wait.";
    delayed_released: Total = "tickcast_delayed_released_total",
        "Records that have become due, and are shown delayed.";
    delayed_resyncs: Total = "tickcast_delayed_resyncs_total",
        "How often the delayed market lost batches, and read the records instead.";
    update_age_seconds: AgeHistogram = "tickcast_update_age_seconds",
        "From a tick's intake to its acceptance by the socket.";
    read_age_seconds: AgeHistogram = "tickcast_read_age_seconds",
        "From a tick's intake until its client has proved that it was read, by a pong or `ack`: one tick for each proof.";
    frames_sent: Total = "tickcast_frames_sent_total",
        "Frames that sockets accepted whole.";
    bytes_sent: Total = "tickcast_bytes_sent_total",
        "Bytes that sockets of sessions accepted.";
    deflate_plain_bytes: Total = "tickcast_deflate_plain_bytes_total",
        "Bytes of messages that were compressed for WebSockets and event streams, before that. A message that is shared counts once.";
    deflate_bytes: Total = "tickcast_deflate_bytes_total",
        "The same messages after that.";
    commands: Total = "tickcast_commands_total",
        "Commands of clients, the faulty ones included.";
    sessions_opened: Total = "tickcast_sessions_opened_total",
        "Sessions opened.";
    sessions_closed: TotalBy<1> = "tickcast_sessions_closed_total" by ["reason"],
        "Sessions ended, by close reason.";
    sessions: CountGaugeBy<1> = "tickcast_sessions" by ["pace"],
        "Sessions open now, by how they keep up.";
    dialect_sessions: CountGaugeBy<1> = "tickcast_dialect_sessions" by ["dialect"],
        "Sessions open now that speak an exchange's protocol.";
    venue_faults: TotalBy<1> = "tickcast_venue_faults_total" by ["kind"],
        "Faults that a scenario has done to sessions that speak an exchange's protocol.";
    venue_faults_withheld: Total = "tickcast_venue_faults_withheld_total",
        "Messages that such sessions were not sent because of a fault. Their ticks are among the discarded.";
    sessions_held: CountGauge = "tickcast_sessions_held",
        "Sessions that are sent no data until their clients have read more of it.";
    sessions_unanswering: CountGauge = "tickcast_sessions_unanswering",
        "Sessions whose clients have never answered a ping, and should have: what they have read is not known.";
    subscriptions: CountGauge = "tickcast_subscriptions",
        "Subscriptions now.";
    topics: CountGauge = "tickcast_topics",
        "Topics.";
    topics_stale: CountGauge = "tickcast_topics_stale",
        "Topics without a tick for longer than limits.stale_ms.";
    handshakes_rejected: TotalBy<1> = "tickcast_handshakes_rejected_total" by ["reason"],
        "Handshakes refused.";
    access_refused: TotalBy<1> = "tickcast_access_refused_total" by ["reason"],
        "Tokens that were refused, and what a token did not allow.";
    tls_handshakes: TotalBy<2> = "tickcast_tls_handshakes_total" by ["version", "kind"],
        "Handshakes of TLS that came to a connection.";
    tls_rejected: TotalBy<1> = "tickcast_tls_rejected_total" by ["reason"],
        "Connections where TLS is spoken that ended before their handshake was done.";
    tls_handshake_seconds: AgeHistogram = "tickcast_tls_handshake_seconds",
        "From the first work on a handshake to its end, the client's part included.";
    tls_handshakes_under_way: CountGauge = "tickcast_tls_handshakes_under_way",
        "Handshakes that have begun and are not done, of limits.tls_handshakes.";
    tls_certificate_expires_seconds: SecondsBy<1> = "tickcast_tls_certificate_expires_seconds" by ["certificate"],
        "When a certificate in use expires, as Unix time, by its place in tls.certs.";
    tls_files_faulty: CountGauge = "tickcast_tls_files_faulty",
        "1 while the files of TLS have a fault, and older ones are in use.";
    key_fetch_failures: Total = "tickcast_key_fetch_failures_total",
        "Questions to key servers that gave no keys.";
    key_server_age_seconds: SecondsBy<1> = "tickcast_key_server_age_seconds" by ["server"],
        "Since a key server has given keys, or since the start, by its place among those of auth.keys.";
    limit_hits: TotalBy<1> = "tickcast_limit_hits_total" by ["limit"],
        "Times that a limit has bitten, by its key.";
    shard_resyncs: Total = "tickcast_shard_resyncs_total",
        "Times that a shard fell behind ingest and read the topics instead.";
    work_units: Total = "tickcast_work_units_total",
        "Work on commands, new symbols and ended sessions: a unit is a look at one name.";
    work_slices: Total = "tickcast_work_slices_total",
        "At how many goes that work was done, and what else comes in crowds; small ones aside.";
    work_slice_longest_seconds: Seconds = "tickcast_work_slice_longest_seconds",
        "Processor time of the longest of them since the server began.";
    shards: CountGauge = "tickcast_shards",
        "Shards that answered this scrape.";
    feed_lag_seconds: SecondsBy<1> = "tickcast_feed_lag_seconds" by ["feed"],
        "How far a feed is behind its own schedule.";
    feed_silence_seconds: SecondsBy<1> = "tickcast_feed_silence_seconds" by ["feed"],
        "Since a feed's last tick; absent before its first.";
    feed_up: CountGaugeBy<1> = "tickcast_feed_up" by ["feed"],
        "1 while a feed runs, 0 when it has ended or failed.";
    feed_reconnects: TotalBy<1> = "tickcast_feed_reconnects_total" by ["feed"],
        "Times that a feed connected anew.";
    feed_connections: CountGaugeBy<1> = "tickcast_feed_connections" by ["feed"],
        "Connections of a feed to its venue that are open; absent for other feeds.";
    feed_connections_wanted: CountGaugeBy<1> = "tickcast_feed_connections_wanted" by ["feed"],
        "Connections that it should have.";
    feed_messages: TotalBy<1> = "tickcast_feed_messages_total" by ["feed"],
        "Messages that came from a feed's venue.";
    feed_venue_lag_seconds: SecondsBy<1> = "tickcast_feed_venue_lag_seconds" by ["feed"],
        "From the venue's time of the last tick to its receipt, by both clocks.";
    feed_duplicates: TotalBy<1> = "tickcast_feed_duplicates_total" by ["feed"],
        "Ticks that the venue sent twice, or over two connections, and that count once.";
    feed_gaps: TotalBy<1> = "tickcast_feed_gaps_total" by ["feed"],
        "Times that something was missing by the venue's own numbers.";
    feed_missing: TotalBy<1> = "tickcast_feed_missing_total" by ["feed"],
        "Ticks that were missing.";
    feed_resubscribed: TotalBy<1> = "tickcast_feed_resubscribed_total" by ["feed"],
        "Streams that were silent though subscribed to, and were subscribed to anew.";
    replays: CountGauge = "tickcast_replays",
        "Replays of their own that clients have now.";
    replays_ended: TotalBy<1> = "tickcast_replays_ended_total" by ["end"],
        "Such replays that have ended, and how.";
    replay_messages: Total = "tickcast_replay_messages_total",
        "Messages of such replays.";
    replay_bytes: Total = "tickcast_replay_bytes_total",
        "Bytes of these messages, as they are framed.";
    limits_replays: CountGauge = "tickcast_limits_replays",
        "limits.replays, as it is in force.";
    draining: CountGauge = "tickcast_draining",
        "1 while the server stops.";
    uptime_seconds: Seconds = "tickcast_uptime_seconds",
        "Since the server began.";
    ready: CountGauge = "tickcast_ready",
        "1 while /readyz says ready: started, not stopping, shards answer.";
    updates_pending_oldest_seconds: Seconds = "tickcast_updates_pending_oldest_seconds",
        "Since the intake of the oldest tick that is due; 0: none is.";
    subscriptions_behind: CountGauge = "tickcast_subscriptions_behind",
        "Subscriptions to which a tick is due.";
    waiting_bytes: CountGauge = "tickcast_waiting_bytes",
        "Bytes in the sessions' own buffers that their sockets have not taken.";
    control_waiting_max_bytes: CountGauge = "tickcast_control_waiting_max_bytes",
        "The most bytes of answers that wait for one session, of limits.control_bytes.";
    shards_configured: CountGauge = "tickcast_shards_configured",
        "Shards that there are.";
    limits_sessions: CountGauge = "tickcast_limits_sessions",
        "limits.sessions, as it is in force.";
    limits_topics: CountGauge = "tickcast_limits_topics",
        "limits.topics, as it is in force.";
    limits_control_bytes: CountGauge = "tickcast_limits_control_bytes",
        "limits.control_bytes, as it is in force.";
    limits_stale_seconds: Seconds = "tickcast_limits_stale_seconds",
        "limits.stale_ms, as it is in force.";
    limits_drain_seconds: Seconds = "tickcast_limits_drain_seconds",
        "limits.drain_ms, as it is in force.";
    log_lines_dropped: Total = "tickcast_log_lines_dropped_total",
        "Lines of the log that nobody took in time, or at all.";
    audit_failed: CountGauge = "tickcast_audit_failed",
        "1 while accounts of use are kept and cannot be written.";
    audit_events: Total = "tickcast_audit_events_total",
        "Events that are in the accounts of use.";
    audit_events_lost: Total = "tickcast_audit_events_lost_total",
        "Events that are missing in them.";
    build_info: CountGaugeBy<1> = "tickcast_build_info" by ["version"],
        "1; what runs is in its labels.";
}
