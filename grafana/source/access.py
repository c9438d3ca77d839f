"""Access: whether tokens are taken, and how TLS does."""

from shapes import RED, at_least, board, lines, on_the_right, query, row, stat, steps

NOW = [
    stat(
        "First certificate to expire",
        "How long the certificate that expires first is still good. It is read again when its file changes, so a renewal needs no restart.",
        "min(tickcast_tls_certificate_expires_seconds{$}) - time()",
        "s",
        at_least(14 * 86400),
    ),
    stat(
        "Servers with a faulty file of TLS",
        "They go on with the certificates that they had. The log says what is wrong with which file.",
        "sum(tickcast_tls_files_faulty{$})",
        "short",
        steps((1, RED)),
    ),
    stat(
        "Handshakes under way",
        "On the server that has most. Where it stays at limits.tls_handshakes, the oldest go for new ones: a flood, or clients that are very slow.",
        "max(tickcast_tls_handshakes_under_way{$})",
        "short",
        steps(),
        decimals=0,
    ),
    stat(
        "Tokens refused",
        "In the time that the board shows. What a token does not allow is counted too, once for each symbol or request.",
        "sum(increase(tickcast_access_refused_total{$}[$__range]))",
        "short",
        steps(),
        decimals=0,
    ),
]

REFUSED = [
    lines(
        "Tokens refused, and what they do not allow",
        "By reason. `bad_token` and `missing` are strangers or clients that are set up wrongly; `expired` clients that do not renew; `no_keys` is this server: it cannot get the keys.",
        [query("sum by (reason) (rate(tickcast_access_refused_total{$}[$__rate_interval]))", "{{reason}}")],
        "reqps",
        width=8,
        stack=True,
    ),
    lines(
        "Key servers",
        "How long it is since each key server has given keys, by its place in auth.keys: it should stay below an hour. Those of before stay in force. Failures a second are on their own scale.",
        [
            query("max by (server) (tickcast_key_server_age_seconds{$})", "age of {{server}}"),
            query("sum(rate(tickcast_key_fetch_failures_total{$}[$__rate_interval]))", "failures"),
        ],
        "s",
        width=8,
        overrides=[on_the_right("failures", "reqps")],
    ),
    lines(
        "Limits by user",
        "How often a user's sessions together were refused a subscription or a command, or were sent frames later. `/debug/users` says whose they are.",
        [query('sum by (limit) (rate(tickcast_limit_hits_total{$,limit=~"user_.*"}[$__rate_interval]))', "{{limit}}")],
        "reqps",
        width=8,
    ),
]

DELAYED = [
    lines(
        "Delayed data: what is offered, and what became of it",
        "Ticks offered to subscriptions of the delayed market, by outcome. The residual is 0 in every scrape; anything else is a fault of tickcast. `conflated` is most of it where symbols tick more often than the grid.",
        [
            query("sum by (outcome) (rate(tickcast_delayed_updates_total{$}[$__rate_interval]))", "{{outcome}}"),
            query("sum(tickcast_delayed_pending{$})", "pending"),
            query("sum(abs(tickcast_delayed_residual{$}))", "residual"),
        ],
        "short",
        width=8,
    ),
    lines(
        "Delayed data: records that wait",
        "By delay. They grow from the start until the delay has passed once, and then follow the market.",
        [query("sum by (delay_ms) (tickcast_delayed_waiting_records{$})", "{{delay_ms}} ms")],
        "short",
        width=8,
        stack=True,
    ),
    lines(
        "Delayed data: memory, and what becomes due",
        "Bytes of the records that wait, by delay. Records that become due, and batches that were lost on their way and read from the market, have their own scale.",
        [
            query("sum by (delay_ms) (tickcast_delayed_waiting_bytes{$})", "{{delay_ms}} ms"),
            query("sum(rate(tickcast_delayed_released_total{$}[$__rate_interval]))", "due a second"),
            query("sum(rate(tickcast_delayed_resyncs_total{$}[$__rate_interval]))", "resyncs a second"),
        ],
        "bytes",
        width=8,
        overrides=[on_the_right("due a second", "short"), on_the_right("resyncs a second", "short")],
    ),
]

TLS = [
    lines(
        "Handshakes of TLS",
        "`full` and `resumed` came to a connection; clients that come back should resume. The others ended before, by reason: `plain_http` and `not_tls` speak something else, `alert` is mostly a client that does not trust the certificate, `busy` waited for a place in vain.",
        [
            query("sum by (kind) (rate(tickcast_tls_handshakes_total{$}[$__rate_interval]))", "{{kind}}"),
            query("sum by (reason) (rate(tickcast_tls_rejected_total{$}[$__rate_interval]))", "ended: {{reason}}"),
        ],
        "reqps",
        width=8,
    ),
    lines(
        "How long handshakes of TLS take",
        "From the first work on one to its end, the client's part and the network included. The number under way is on its own scale: where it stays at limits.tls_handshakes, the oldest go for new ones.",
        [
            query("histogram_quantile(0.5, sum by (le) (rate(tickcast_tls_handshake_seconds_bucket{$}[$__rate_interval])))", "p50"),
            query("histogram_quantile(0.99, sum by (le) (rate(tickcast_tls_handshake_seconds_bucket{$}[$__rate_interval])))", "p99"),
            query("sum(tickcast_tls_handshakes_under_way{$})", "under way"),
        ],
        "s",
        width=8,
        overrides=[on_the_right("under way", "short")],
    ),
]

BOARD = board(
    "tickcast-access",
    "tickcast / Access",
    "Are tokens taken, and does TLS work?",
    [row("Now"), *NOW, row("Tokens"), *REFUSED, row("Delayed data"), *DELAYED, row("TLS"), *TLS],
)
