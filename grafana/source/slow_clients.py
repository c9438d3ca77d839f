"""Slow clients: who cannot keep up, how far behind, and what it costs them."""

from shapes import RED, YELLOW, board, colored, heatmap, lines, query, row, stat, steps, words

AGES = "sum by (le) (rate(tickcast_update_age_seconds_bucket{$}[$__rate_interval]))"

NOW = [
    stat(
        "Conflating",
        "Share of the sessions that are sent less than every tick because they are slow.",
        'sum(tickcast_sessions{$, pace="conflating"}) / sum(tickcast_sessions{$})',
        "percentunit",
        steps((0.1, YELLOW), (0.25, RED)),
        decimals=1,
    ),
    stat(
        "Closed as slow",
        "Sessions closed with 4008 in the time that the board shows: no byte accepted for limits.progress_ms.",
        'sum(increase(tickcast_sessions_closed_total{$, reason="slow"}[$__range]))',
        "short",
        steps((1, YELLOW)),
        decimals=0,
    ),
    stat(
        "Age, p99",
        "99 % of the messages that sockets took were younger than this.",
        f"histogram_quantile(0.99, {AGES})",
        "s",
        steps((0.1, YELLOW), (0.25, RED)),
    ),
    stat(
        "Oldest that is due",
        "Since the intake of the oldest tick that is due to somebody. Above limits.progress_ms (10 s) only what waits for a long interval_ms is that old: whoever takes nothing has been closed.",
        "max(tickcast_updates_pending_oldest_seconds{$})",
        "s",
        steps((5, YELLOW), (10, RED)),
    ),
    stat(
        "Subscriptions behind",
        "Share of the subscriptions to which a tick is due. Those that wait for their interval_ms count.",
        "sum(tickcast_subscriptions_behind{$}) / sum(tickcast_subscriptions{$})",
        "percentunit",
        steps(),
        decimals=1,
    ),
    stat(
        "Memory budget used",
        "The session with the most answers unread, as a share of limits.control_bytes. At 100 % it is closed with 4009.",
        "max(tickcast_control_waiting_max_bytes{$} / tickcast_limits_control_bytes{$})",
        "percentunit",
        steps((0.5, YELLOW), (0.9, RED)),
        decimals=1,
    ),
]

WHO = [
    lines(
        "Sessions by pace",
        "All sessions, those that conflate on top. A band that stays is thin clients, which are served well; a band that grows suddenly is your network, or the CPU.",
        [
            query('sum(tickcast_sessions{$, pace="live"})', "live"),
            query('sum(tickcast_sessions{$, pace="conflating"})', "conflating"),
        ],
        "short",
        stack=True,
        overrides=[colored("live", "green"), colored("conflating", "yellow")],
    ),
    lines(
        "Held by what they have read",
        "Held: sessions that are sent no data until their clients have read more. Without answers: clients that have never answered a ping, of which nobody knows what they have read.",
        [
            query("sum(tickcast_sessions_held{$})", "held"),
            query("sum(tickcast_sessions_unanswering{$})", "without answers"),
        ],
        "short",
    ),
    heatmap(
        "Ages of messages",
        "How many messages were how old when the socket took them; darker is more. One band low down is health. A second band above it is a group of slow clients; the whole band rising is the server.",
        "sum by (le) (increase(tickcast_update_age_seconds_bucket{$}[$__rate_interval]))",
    ),
    lines(
        "How sessions end",
        "By close reason, all of them. `slow`, `pong_timeout` and `gone` are clients and networks; `memory_budget` and `policy` clients that ask too much; `drain` is you.",
        [query("sum by (reason) (rate(tickcast_sessions_closed_total{$}[$__rate_interval]))", "{{reason}}")],
        "cps",
        stack=True,
    ),
    words(
        "Who is it?",
        "Metrics have no label that a client could invent, so they cannot name one. The server can:\n\n"
        "```\ncurl -s 'http://127.0.0.1:8080/debug/slow?k=20'\n```\n\n"
        "It lists the slowest sessions, the worst first, with their addresses, how long they have taken no byte, and why. It answers on "
        "the server's own machine alone. The log at level `debug` has a line for each session that closes.\n\n"
        "What to do is in docs/OPERATIONS.md, below the names of the alerts.",
    ),
]

COST = [
    lines(
        "Oldest tick that is due",
        "By server. A saw that climbs to limits.progress_ms and falls is a client that takes nothing and is closed.",
        [query("tickcast_updates_pending_oldest_seconds{$}", "{{instance}}")],
        "s",
        width=12,
    ),
    lines(
        "Bytes that wait in sessions",
        "Answers and rests of frames in the sessions' own buffers. Ticks are cursors and are not in it; what the kernel holds is not, either. One session may hold limits.control_bytes of answers: see Memory budget used.",
        [query("tickcast_waiting_bytes{$}", "{{instance}}")],
        "bytes",
        width=12,
    ),
    lines(
        "Limits that bit",
        "By limit, without ending a session. `shard_queue` is the server's own: a shard fell behind ingest. `commands`, `frames` and `inbound_bytes` are clients that send too much.",
        [query("sum by (limit) (rate(tickcast_limit_hits_total{$}[$__rate_interval]))", "{{limit}}")],
        "ops",
        width=8,
    ),
    lines(
        "Lost to slow clients, and discarded",
        "Ticks that clients in the modes every and trades lost because the ring had moved on, and ticks still due when a session or a subscription ended.",
        [
            query('sum(rate(tickcast_updates_gapped_total{$, reason="slow"}[$__rate_interval]))', "lost"),
            query("sum(rate(tickcast_updates_discarded_total{$}[$__rate_interval]))", "discarded"),
        ],
        "ops",
        width=8,
    ),
    lines(
        "Commands",
        "Commands of clients a second, and sessions opened. Clients that reconnect in a loop show here first.",
        [
            query("sum(rate(tickcast_commands_total{$}[$__rate_interval]))", "commands"),
            query("sum(rate(tickcast_sessions_opened_total{$}[$__rate_interval]))", "sessions opened"),
        ],
        "ops",
        width=8,
    ),
]


BOARD = board(
    "tickcast-slow-clients",
    "tickcast / Slow clients",
    "Who cannot keep up, how far behind they are, and what it costs them and the server.",
    [row("Now"), *NOW, row("Who is slow"), *WHO, row("What it costs"), *COST],
)
