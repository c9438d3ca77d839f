"""Fan-out and conservation: what became of every tick, as a balance that anybody can check."""

from shapes import RED, YELLOW, as_line, bars, board, colored, lines, query, row, stat, steps

# One colour for each account, on both panels that show them.
ACCOUNTS = {
    "delivered": "green",
    "conflated": "yellow",
    "filtered": "blue",
    "gapped": "red",
    "discarded": "purple",
}
COLORS = [colored(name, color) for name, color in ACCOUNTS.items()]


def rate(name):
    return f"sum(rate(tickcast_updates_{name}_total{{$}}[$__rate_interval]))"


def share(name):
    return f"sum(tickcast_updates_{name}_total{{$}}) / sum(tickcast_updates_offered_total{{$}})"


BALANCE = [
    stat(
        "Residual",
        "Offered less delivered, conflated, filtered, gapped, discarded and pending. It is 0 in every scrape; anything else is a fault of tickcast.",
        "sum(abs(tickcast_updates_residual{$}))",
        "none",
        steps((1, RED)),
        words=[("0", "0", "green")],
    ),
    stat(
        "Subscriptions for each tick",
        "To how many subscriptions a tick is offered on average: the fan-out.",
        f"{rate('offered')} / sum(rate(tickcast_ticks_ingested_total{{$}}[$__rate_interval]))",
        "none",
        steps(),
        decimals=1,
    ),
    stat(
        "Ticks in a message",
        "How many ticks one delivered message stands for. 1 is every tick; it rises with interval_ms, with slow clients, and with a busy CPU.",
        f"1 + {rate('conflated')} / {rate('delivered')}",
        "none",
        steps(),
        decimals=2,
    ),
    stat(
        "Due now",
        "Ticks that are behind a cursor or in a frame that is not out yet. It rises and falls; it should not stay high while clients are well.",
        "sum(tickcast_updates_pending{$})",
        "short",
        steps(),
    ),
    stat(
        "Oldest that is due",
        "Since the intake of the oldest tick that is due to somebody. Subscriptions that wait for their interval_ms count.",
        "max(tickcast_updates_pending_oldest_seconds{$})",
        "s",
        steps((5, YELLOW), (10, RED)),
    ),
    stat(
        "Lost, in the time shown",
        "Ticks that clients were told they lost, in the time that the board shows: modes every and trades beyond the ring, or a resume that came too late or from another epoch.",
        "sum(increase(tickcast_updates_gapped_total{$}[$__range]))",
        "short",
        steps((1, YELLOW)),
        decimals=0,
    ),
    lines(
        "What becomes of every tick",
        "The accounts piled up, and what was offered as a line. The pile reaches the line: where it stays below, ticks became due (see Due now), where it is above, they were caught up with. No other gap between the two can last.",
        [query(rate(name), name) for name in ACCOUNTS] + [query(rate("offered"), "offered")],
        "ops",
        width=24,
        height=10,
        stack=True,
        overrides=[*COLORS, as_line("offered", "orange")],
    ),
    bars(
        "Shares, since the servers started",
        "Each account as a share of all that was offered. With pending they make 100 %.",
        [query(share(name), name, instant=True) for name in ACCOUNTS]
        + [query("sum(tickcast_updates_pending{$}) / sum(tickcast_updates_offered_total{$})", "pending", instant=True)],
        "percentunit",
    ),
    lines(
        "Residual of each server",
        "A flat 0 for each server. The first scrape that differs is the one to keep.",
        [query("tickcast_updates_residual{$}", "{{instance}}")],
        "none",
        limit=1,
    ),
]

FANOUT = [
    lines(
        "Ticks in a message",
        "By server, over time. One server above the others has slower clients, or a slower CPU.",
        [
            query(
                "1 + sum by (instance) (rate(tickcast_updates_conflated_total{$}[$__rate_interval]))"
                " / sum by (instance) (rate(tickcast_updates_delivered_total{$}[$__rate_interval]))",
                "{{instance}}",
            )
        ],
        "none",
        width=8,
    ),
    lines(
        "Messages in a frame, bytes in a message",
        "How well writes are filled. Under load frames carry more messages, and the cost of a message falls; few messages in a frame at a high rate of frames cost most.",
        [
            query(f"{rate('delivered')} / sum(rate(tickcast_frames_sent_total{{$}}[$__rate_interval]))", "messages in a frame"),
            query(f"sum(rate(tickcast_bytes_sent_total{{$}}[$__rate_interval])) / {rate('delivered')}", "bytes in a message"),
        ],
        "none",
        width=8,
        overrides=[
            {
                "matcher": {"id": "byName", "options": "bytes in a message"},
                "properties": [{"id": "unit", "value": "decbytes"}, {"id": "custom.axisPlacement", "value": "right"}],
            }
        ],
    ),
    lines(
        "CPU for a message",
        "CPU time of the process for each delivered message. It falls as load rises, for then each write carries more messages.",
        [query("sum(rate(process_cpu_seconds_total{$}[$__rate_interval])) / " + rate("delivered"), "CPU for a message")],
        "s",
        width=8,
    ),
    lines(
        "Due now",
        "Ticks that are due, by server. One server above the others has the slower clients, or the slower CPU.",
        [query("tickcast_updates_pending{$}", "{{instance}}")],
        "short",
    ),
    lines(
        "Lost to clients, by reason",
        "`slow`: modes every and trades, more ticks behind than limits.ring_ticks. `resume`: away for longer than the ring is long. `epoch`: the server was restarted, or it is another one.",
        [query("sum by (reason) (rate(tickcast_updates_gapped_total{$}[$__rate_interval]))", "{{reason}}")],
        "ops",
    ),
    lines(
        "Work of commands",
        "Names looked at for commands, new symbols and ended sessions, and the slices in which that was done. A client that asks for much shows here; the others are served between its slices.",
        [
            query("sum(rate(tickcast_work_units_total{$}[$__rate_interval]))", "names looked at"),
            query("sum(rate(tickcast_work_slices_total{$}[$__rate_interval]))", "slices"),
        ],
        "ops",
        log=True,
    ),
    lines(
        "Longest slice of that work",
        "Processor time of the longest slice since the server began, by server. So long others waited at the most for a command of somebody else.",
        [query("tickcast_work_slice_longest_seconds{$}", "{{instance}}")],
        "s",
        limit=0.005,
    ),
]

BOARD = board(
    "tickcast-conservation",
    "tickcast / Fan-out and conservation",
    "What became of every tick: the accounts, their balance, and what a message costs.",
    [row("Accounting"), *BALANCE, row("Fan-out"), *FANOUT],
)
