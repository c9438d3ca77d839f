"""Venues: connections to live markets, and clients that speak an exchange's protocol or replay a market for themselves."""

from shapes import board, lines, on_the_right, query, row, states, variable

FEED = '{$, feed=~"$feed"}'

VENUES = [
    states(
        "Venues",
        "Whether each feed from a venue has all connections that it should have. A venue that is dark is down here; its symbols are stale, and their status says why.",
        f"tickcast_feed_connections{FEED} >= bool tickcast_feed_connections_wanted{FEED}",
        "{{feed}} at {{instance}}",
        [("1", "connected", "green"), ("0", "not all connected", "red")],
    ),
    lines(
        "From the venue's time to receipt",
        "Of the last tick of each feed, by the venue's clock and ours: a line that climbs is a venue, a network or a machine that falls behind.",
        [query(f"tickcast_feed_venue_lag_seconds{FEED}", "{{feed}} at {{instance}}")],
        "s",
    ),
    lines(
        "Messages of venues",
        "Messages a second that came from each feed's venue.",
        [query(f"sum by (instance, feed) (rate(tickcast_feed_messages_total{FEED}[$__rate_interval]))", "{{feed}} at {{instance}}")],
        "ops",
    ),
    lines(
        "What venues lose, repeat and leave mute",
        "By the venue's own numbers: ticks that are missing, and ticks that came twice. Streams that are subscribed to and bring nothing are subscribed to anew.",
        [
            query(f"sum by (feed) (increase(tickcast_feed_missing_total{FEED}[$__rate_interval]))", "missing of {{feed}}"),
            query(f"sum by (feed) (increase(tickcast_feed_gaps_total{FEED}[$__rate_interval]))", "gaps of {{feed}}"),
            query(f"sum by (feed) (increase(tickcast_feed_duplicates_total{FEED}[$__rate_interval]))", "twice of {{feed}}"),
            query(f"sum by (feed) (increase(tickcast_feed_resubscribed_total{FEED}[$__rate_interval]))", "subscribed anew of {{feed}}"),
        ],
        "short",
    ),
]

OUT = [
    lines(
        "Clients of exchanges",
        "Sessions that speak an exchange's protocol. They are served as all others; one that misses a trade is closed, which `dialect_loss` counts.",
        [query("sum by (dialect) (tickcast_dialect_sessions{$})", "{{dialect}}")],
        "short",
    ),
    lines(
        "Faults of a scenario",
        "Of a replay with a scenario: the faults that were done to clients of exchanges, and the messages that these were not sent. What was done to whom: /v1/faults.",
        [
            query("sum by (kind) (increase(tickcast_venue_faults_total{$}[$__rate_interval])) > 0", "{{kind}}"),
            query("sum(increase(tickcast_venue_faults_withheld_total{$}[$__rate_interval]))", "messages not sent"),
        ],
        "short",
    ),
    lines(
        "Replays of one's own",
        "Replays that clients of tardis-machine's interface have open, and how many there may be (limits.replays). A line at its limit refuses the next one.",
        [
            query("sum(tickcast_replays{$})", "open"),
            query("sum(tickcast_limits_replays{$})", "at most"),
        ],
        "short",
    ),
    lines(
        "What replays send, and how they end",
        "Messages a second, and ends by kind, with their own scale. `failed` is a recording that cannot be read on; `client` one that took nothing, or broke the protocol. Bytes are as they are framed.",
        [
            query("sum(rate(tickcast_replay_messages_total{$}[$__rate_interval]))", "messages"),
            query("sum by (end) (rate(tickcast_replays_ended_total{$}[$__rate_interval]))", "ends: {{end}}"),
            query("sum(rate(tickcast_replay_bytes_total{$}[$__rate_interval]))", "bytes"),
        ],
        "ops",
        overrides=[on_the_right("bytes", "Bps")],
    ),
]

BOARD = board(
    "tickcast-venues",
    "tickcast / Venues",
    "Connections to live markets, what they bring, and what they lose.",
    [row("Venues"), *VENUES, row("Clients of exchanges and of replays"), *OUT],
    variables=[variable("feed", "Feed", "label_values(tickcast_feed_connections{$}, feed)")],
)
