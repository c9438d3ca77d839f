"""Ingest beside 100 clients that do not read, against ingest without them, in turns."""

import asyncio
import statistics

from bare import Bare
from judge import check, until
from market import Market
from server import Feeder, Server

CLIENTS, SYMBOLS, TICKS, ROUNDS = 100, 200, 100_000, 5
# A run takes at least this long, so that the grain of the clock and of the scrapes does not count.
RUN_S = 2
# The goal for the highest rate is 0.98. It is a figure: an unoptimised binary, or a neighbour on the machine, takes the
# cores that ingest would have had. At a pace that leaves cores free, nothing but waiting for clients could slow it.
PACE_SHARE, RATIO_MIN = 0.3, 0.9


async def rate(opening, lines, passes, clients, pace=None):
    """Ticks a second from standard input into topics, over so many passes of the same lines, at a pace or at once."""
    async with Server("--feed", "-") as server:
        await feed(server, opening, 1, 0)
        asleep = [await asyncio.to_thread(Bare, server, "?symbols=*", 4096) for _ in range(clients)]
        # The first pass fills what the kernel holds for them; the clock starts when they have stalled.
        done = await feed(server, lines, 1, len(opening))
        loop = asyncio.get_running_loop()
        start = loop.time()
        await feed(server, lines, passes, done, pace)
        seconds = loop.time() - start
        metrics = await server.metrics()
        assert metrics.residual() == 0
        assert clients == 0 or metrics.sum("tickcast_updates_pending") > 0, "the clients did stall"
        for client in asleep:
            client.close()
        return len(lines) * passes / seconds


async def feed(server, lines, passes, before, pace=None):
    """Feeds and waits for the last tick; returns how many ticks there have been."""
    expected = before + len(lines) * passes
    Feeder(server, lines * passes, pace).start()
    await until("all ticks", lambda: count(server, expected))
    return expected


async def count(server, expected):
    return (await server.metrics()).sum("tickcast_ticks_ingested_total") == expected


@check("ingest keeps its rate beside 100 stalled clients")
async def ingest(report):
    market = Market(10, SYMBOLS)
    opening, lines = market.opening(), market.ticks(TICKS)
    passes = max(1, int(await rate(opening, lines, 3, 0) * RUN_S / TICKS))
    without, beside = [], []
    for _ in range(ROUNDS):
        without.append(await rate(opening, lines, passes, 0))
        beside.append(await rate(opening, lines, passes, CLIENTS))
    pace = int(statistics.median(without) * PACE_SHARE)
    paced = await rate(opening, lines, passes, CLIENTS, pace)
    ratio = statistics.median(beside) / statistics.median(without)
    report.figure("without clients", f"{statistics.median(without):,.0f}", "ticks/s")
    report.figure("beside 100 stalled", f"{statistics.median(beside):,.0f}", "ticks/s")
    report.figure("ratio of the medians", f"{ratio:.3f} (goal 0.98)")
    report.figure(f"beside them at a pace of {pace:,}", f"{paced:,.0f}", "ticks/s")
    assert paced >= RATIO_MIN * pace, f"a pace of {pace} became {paced:.0f}"
