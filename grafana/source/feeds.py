"""Feed health: whether ticks come, on time, and are of use."""

from shapes import RED, YELLOW, at_least, board, lines, query, row, stat, states, steps, variable

FEED = '{$, feed=~"$feed"}'

NOW = [
    stat(
        "Feeds up",
        "Share of the feeds that run. A replay without loop=true ends by itself, and is then not up.",
        f"avg(tickcast_feed_up{FEED})",
        "percentunit",
        at_least(1),
    ),
    stat(
        "Longest silence",
        "Since the last tick of the feed that is silent for longest, as a share of limits.stale_ms: at 100 % its symbols are stale and the server is not ready. A feed that has given no tick yet is not in it.",
        f"max(tickcast_feed_silence_seconds{FEED} / on (job, instance) group_left tickcast_limits_stale_seconds{{$}})",
        "percentunit",
        steps((0.5, YELLOW), (1, RED)),
        decimals=0,
    ),
    stat(
        "Behind schedule",
        "How far the latest feed is behind its own schedule. Replays and simulations have one; above a second the machine is too slow for them.",
        f"max(tickcast_feed_lag_seconds{FEED})",
        "s",
        steps((0.1, YELLOW), (1, RED)),
    ),
    stat(
        "Lines of no use",
        "Share of what feeds sent that was not taken, in the time that the board shows.",
        f"sum(increase(tickcast_ticks_rejected_total{FEED}[$__range]))"
        f" / (sum(increase(tickcast_ticks_rejected_total{FEED}[$__range])) + sum(increase(tickcast_ticks_ingested_total{FEED}[$__range])))",
        "percentunit",
        steps((0.0001, YELLOW), (0.01, RED)),
        decimals=2,
    ),
    stat(
        "Stale topics",
        "Share of the topics that had no tick for limits.stale_ms. What is normal depends on the market: quiet symbols are stale while the feed is well.",
        "sum(tickcast_topics_stale{$}) / sum(tickcast_topics{$})",
        "percentunit",
        steps((0.5, YELLOW), (0.9, RED)),
        decimals=0,
    ),
    stat(
        "Topics",
        "Topics of the fullest server, as a share of its limits.topics. At 100 % ticks of new symbols are rejected.",
        "max(tickcast_topics{$} / tickcast_limits_topics{$})",
        "percentunit",
        steps((0.8, YELLOW), (0.95, RED)),
        decimals=1,
    ),
]

FLOW = [
    lines(
        "Ticks taken",
        "Ticks a second of each feed on each server. Servers that are fed alike should have the same line.",
        [query(f"sum by (instance, feed) (rate(tickcast_ticks_ingested_total{FEED}[$__rate_interval]))", "{{feed}} at {{instance}}")],
        "ops",
    ),
    states(
        "Feeds that run",
        "Down is a feed that has ended or failed; the log of its server says why.",
        f"tickcast_feed_up{FEED}",
        "{{feed}} at {{instance}}",
        [("1", "up", "green"), ("0", "down", "red")],
    ),
    lines(
        "Silence",
        "Since each feed's last tick. A saw is a feed that comes in batches; a line that climbs is a mute one. The dashed line is the default of limits.stale_ms.",
        [query(f"tickcast_feed_silence_seconds{FEED}", "{{feed}} at {{instance}}")],
        "s",
        limit=5,
    ),
    lines(
        "Behind schedule",
        "How far each feed is behind its own schedule; the dashed line is where the alert begins.",
        [query(f"tickcast_feed_lag_seconds{FEED}", "{{feed}} at {{instance}}")],
        "s",
        limit=1,
    ),
]

FAULTS = [
    lines(
        "Lines of no use, by reason",
        "`syntax`, `value`, `symbol`, `unknown_field`, `no_fields`, `line_too_long`: the feed writes what is no tick. `owned`: another feed has the symbol. `topics_full`: limits.topics. `unknown_trade`: a cancel or correction names a trade that is not among the newest limits.tape_trades of its symbol.",
        [query(f"sum by (feed, reason) (rate(tickcast_ticks_rejected_total{FEED}[$__rate_interval]))", "{{feed}}: {{reason}}")],
        "ops",
        width=8,
    ),
    lines(
        "Topics",
        "All topics and the stale ones, over all servers.",
        [query("sum(tickcast_topics{$})", "topics"), query("sum(tickcast_topics_stale{$})", "stale")],
        "short",
        width=8,
    ),
    lines(
        "Reconnects, and shards that fell behind",
        "A feed that connects anew may have missed ticks. A shard that fell behind ingest reads the topics instead: its clients get fewer messages, and no wrong one.",
        [
            query(f"sum by (feed) (increase(tickcast_feed_reconnects_total{FEED}[$__rate_interval]))", "reconnects of {{feed}}"),
            query("sum by (instance) (increase(tickcast_shard_resyncs_total{$}[$__rate_interval]))", "resyncs at {{instance}}"),
        ],
        "short",
        width=8,
    ),
    lines(
        "Shards that answer",
        "Shards that answered the scrape, and shards that there are. Below that one is stuck or starved; while a server drains, shards end one by one.",
        [
            query("sum(tickcast_shards{$})", "answer"),
            query("sum(tickcast_shards_configured{$})", "configured"),
        ],
        "short",
        width=12,
    ),
    states(
        "Ready",
        "What /readyz says: it has started and does not stop, no feed has failed, its shards answer. Silent feeds are not its subject.",
        "tickcast_ready{$}",
        "{{instance}}",
        [("1", "ready", "green"), ("0", "not ready", "red")],
    ),
]

BOARD = board(
    "tickcast-feeds",
    "tickcast / Feed health",
    "Whether ticks come, on time, and are of use.",
    [row("Now"), *NOW, row("Flow"), *FLOW, row("Faults"), *FAULTS],
    variables=[variable("feed", "Feed", "label_values(tickcast_feed_up{$}, feed)")],
)
