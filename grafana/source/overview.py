"""The first board: whether the service is healthy, then rates, errors, ages, and how full it is."""

from shapes import RED, YELLOW, at_least, board, colored, lines, query, row, stat, steps, table

NOT_WISHED = 'reason!~"normal|drain|gone"'
AGES = "sum by (le) (rate(tickcast_update_age_seconds_bucket{$}[$__rate_interval]))"
READ = "sum by (le) (rate(tickcast_read_age_seconds_bucket{$}[$__rate_interval]))"

HEALTH = [
    stat(
        "Alerts",
        "Alerts of tickcast that fire now. The table at the end of this board names them; each has a section in docs/OPERATIONS.md.",
        'count(ALERTS{alertname=~"Tickcast.+", alertstate="firing", job=~"$job|"}) or vector(0)',
        "none",
        steps((1, RED)),
        width=3,
    ),
    stat(
        "Servers ready",
        "Share of the scraped servers that answer and call themselves ready: their feeds are fresh, and they do not drain. Below 100 % somebody is not sent clients.",
        "(sum(tickcast_ready{$}) or vector(0)) / count(up{$})",
        "percentunit",
        at_least(1),
        width=3,
    ),
    stat(
        "Accounting",
        "Offered less all that became of it, over all servers. 0, always: anything else is a fault of tickcast, and worth a report.",
        "sum(abs(tickcast_updates_residual{$}))",
        "none",
        steps((1, RED)),
        width=3,
        words=[("0", "balanced", "green")],
    ),
    stat(
        "Feed silence",
        "Since the last tick of the feed that is silent for longest. Red from 5 s on, the default of limits.stale_ms: its symbols are then stale.",
        "max(tickcast_feed_silence_seconds{$})",
        "s",
        steps((2.5, YELLOW), (5, RED)),
        width=3,
    ),
    stat(
        "Age, p99",
        "99 % of the messages that sockets took were younger than this. Above a quarter of a second people see old prices; clients that ask for a long interval_ms raise it by their own wish.",
        f"histogram_quantile(0.99, {AGES})",
        "s",
        steps((0.1, YELLOW), (0.25, RED)),
        width=4,
    ),
    stat(
        "Conflating",
        "Share of the sessions that are sent less than every tick because they are slow. A few are always some phones; many at once are your network or your CPU.",
        'sum(tickcast_sessions{$, pace="conflating"}) / sum(tickcast_sessions{$})',
        "percentunit",
        steps((0.1, YELLOW), (0.25, RED)),
        width=4,
        decimals=1,
    ),
    stat(
        "Sessions",
        "Sessions open now, over all servers.",
        "sum(tickcast_sessions{$})",
        "short",
        steps(),
        width=4,
        instant=False,
    ),
]

RATES = [
    lines(
        "Ticks in, messages out",
        "Ticks that feeds brought, messages that sockets took, and ticks that were merged into those messages. Messages follow ticks times subscriptions; when messages fall and merges rise, clients or the CPU are slow.",
        [
            query("sum(rate(tickcast_ticks_ingested_total{$}[$__rate_interval]))", "ticks in"),
            query("sum(rate(tickcast_updates_delivered_total{$}[$__rate_interval]))", "messages out"),
            query("sum(rate(tickcast_updates_conflated_total{$}[$__rate_interval]))", "ticks merged"),
        ],
        "ops",
        overrides=[colored("ticks merged", "yellow"), colored("messages out", "green"), colored("ticks in", "blue")],
    ),
    lines(
        "Age of what clients get",
        "From a tick's intake to its acceptance by the socket, on a logarithmic axis; the dashed line is the target of the alert. p50 says how most fare, p99.9 how the slowest do: only p99.9 high is some clients, all of them high is the server.",
        [
            query(f"histogram_quantile(0.5, {AGES})", "p50"),
            query(f"histogram_quantile(0.99, {AGES})", "p99"),
            query(f"histogram_quantile(0.999, {AGES})", "p99.9"),
            query(f"histogram_quantile(0.99, {READ})", "p99 when read"),
        ],
        "s",
        log=True,
        limit=0.25,
    ),
]

ERRORS = [
    lines(
        "Sessions that ended by no wish of their clients",
        "By close reason, those that clients, networks and drains cause left out. `slow` is a client that took no byte; `policy` and `memory_budget` one that asked too much.",
        [query(f"sum by (reason) (rate(tickcast_sessions_closed_total{{$, {NOT_WISHED}}}[$__rate_interval]))", "{{reason}}")],
        "cps",
        width=8,
        stack=True,
    ),
    lines(
        "Handshakes refused",
        "By reason. `too_many_sessions`, `too_many_per_address` and `connections` say that there is no room; `origin` and `bad_request` are foreign pages, proxies that drop headers, port scans.",
        [query("sum by (reason) (rate(tickcast_handshakes_rejected_total{$}[$__rate_interval]))", "{{reason}}")],
        "reqps",
        width=8,
        stack=True,
    ),
    lines(
        "Ticks lost or not taken, lines of the log dropped",
        "`gap`: ticks that clients were told they lost, by reason. `feed`: lines of feeds that nobody can use, by reason. `log`: lines that nobody read in time. All should be 0 but after a restart, when clients resume with another epoch.",
        [
            query("sum by (reason) (rate(tickcast_updates_gapped_total{$}[$__rate_interval]))", "gap: {{reason}}"),
            query("sum by (reason) (rate(tickcast_ticks_rejected_total{$}[$__rate_interval]))", "feed: {{reason}}"),
            query("sum(rate(tickcast_log_lines_dropped_total{$}[$__rate_interval]))", "log: dropped"),
        ],
        "ops",
        width=8,
    ),
]

FULLNESS = [
    lines(
        "How full, as shares of limits",
        "The fullest server in each respect; 100 % is where a limit bites. CPU is that of the process over its shards: near 100 % ages rise and merging takes over, which is the design, but leaves no room.",
        [
            query("max(rate(process_cpu_seconds_total{$}[$__rate_interval]) / on (job, instance) tickcast_shards_configured{$})", "CPU of shards"),
            query("max(sum by (job, instance) (tickcast_sessions{$}) / on (job, instance) tickcast_limits_sessions{$})", "sessions"),
            query("max(tickcast_topics{$} / tickcast_limits_topics{$})", "topics"),
            query("max(process_open_fds{$} / process_max_fds{$})", "descriptors"),
            query("max(tickcast_control_waiting_max_bytes{$} / tickcast_limits_control_bytes{$})", "memory budget"),
        ],
        "percentunit",
        width=8,
        limit=0.8,
    ),
    lines(
        "Bytes out",
        "Bytes that sockets took, by server; without TCP, IP and TLS. Saved: what compression has taken out of them, counted once for a frame that several clients share.",
        [
            query("sum by (instance) (rate(tickcast_bytes_sent_total{$}[$__rate_interval]))", "{{instance}}"),
            query("sum(rate(tickcast_deflate_plain_bytes_total{$}[$__rate_interval])) - sum(rate(tickcast_deflate_bytes_total{$}[$__rate_interval]))", "saved"),
        ],
        "Bps",
        width=8,
    ),
    lines(
        "Memory",
        "Resident memory of each server. It follows topics, sessions and subscriptions, never the speed of clients: a line that climbs while those stand still is a fault.",
        [query("process_resident_memory_bytes{$}", "{{instance}}")],
        "bytes",
        width=8,
    ),
    table(
        "Alerts that fire",
        "Each name is a heading in docs/OPERATIONS.md, which says what it means, where to look first, and what to do.",
        'ALERTS{alertname=~"Tickcast.+", alertstate="firing", job=~"$job|"}',
        hidden=["Time", "Value", "__name__", "alertstate"],
    ),
]

BOARD = board(
    "tickcast-overview",
    "tickcast / Overview",
    "Is it healthy? Then rates, errors, ages, and how full it is.",
    [row("Is it healthy?"), *HEALTH, row("Rates and ages"), *RATES, row("Errors"), *ERRORS, row("How full"), *FULLNESS],
)
