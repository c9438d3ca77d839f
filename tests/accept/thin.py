"""A client that reads 1 MB/s of a stream that would be 10 MB/s: it must see new prices, and not the queue before them."""

import asyncio
import time

from bare import Bare
from judge import check
from laws import Store, percentile
from market import Market
from server import Feeder, Server

READ_BYTES_PER_S, STREAM_BYTES_PER_S, SECONDS, SYMBOLS = 1_000_000, 10_000_000, 10, 500
# What the contract's judge asks, and what no noise of a shared machine reaches: servers that queue show seconds.
GOAL_MS, LIMIT_MS = 250, 1_000
# A line of this market, whole, as it would leave the server unmerged.
MESSAGE_BYTES = 230
STEP_S = 0.01


def drink(client, store, stop):
    """Reads by the clock, no more bytes than have become due; returns the bytes read and the seconds."""
    start, taken = time.monotonic(), 0
    while not stop():
        due = int((time.monotonic() - start) * READ_BYTES_PER_S) - taken
        if due < READ_BYTES_PER_S * STEP_S:
            time.sleep(STEP_S)
            continue
        taken += client.read(due)
        for text in client.take():
            store.frame(text)
    return taken, time.monotonic() - start


@check("a client at a tenth of its stream sees fresh prices")
async def thin(report):
    async with Server("--feed", "-") as server:
        market = Market(9, SYMBOLS)
        Feeder(server, market.opening(whole=True), None).start()
        rate = STREAM_BYTES_PER_S // MESSAGE_BYTES
        lines = market.ticks(rate * SECONDS, whole=True)
        client = await asyncio.to_thread(Bare, server, "", 65536)
        client.send('{"op":"subscribe","symbols":["*"]}')
        store = Store(keep_ages=True)
        feeder = Feeder(server, lines, rate)
        feeder.start()
        taken, seconds = await asyncio.to_thread(drink, client, store, lambda: not feeder.is_alive())
        ages = store.ages_us[:]
        reached = await feeder.finished()
        await asyncio.to_thread(drink, client, store, lambda: market.reached(store))
        market.check(store)
        assert (await server.metrics()).residual() == 0
        client.close()

        report.figure("fed", f"{reached:,.0f} ticks/s, unmerged about {reached * MESSAGE_BYTES / 1e6:.1f}", "MB/s")
        report.figure("read", f"{taken / seconds / 1e6:.2f}", "MB/s")
        for share in (0.5, 0.99, 0.999):
            report.figure(f"age p{share * 100:g}", f"{percentile(ages, share) / 1000:.0f}", "ms")
        p99_ms = percentile(ages, 0.99) / 1000
        report.figure(f"p99 under {GOAL_MS} ms", "yes" if p99_ms < GOAL_MS else "NO")
        assert len(ages) > 10_000 and p99_ms < LIMIT_MS, f"p99 {p99_ms} ms of {len(ages)}"
