"""Twenty clients stop reading for seven seconds while ticks pour in, then read on."""

import asyncio

import aiohttp
import websockets
from judge import check, until
from laws import Store
from market import Market
from server import Feeder, Server

CLIENTS, NAP_S, RATE, SYMBOLS = 20, 7, 20_000, 200
GROWTH_BYTES_MAX = 40_000_000


async def sleeper(receive, market, asleep, wake, fed):
    """Takes the snapshots, naps, reads on; returns what it holds once the feed has ended and all has come."""
    store = Store()
    while len(store.held) < SYMBOLS:
        store.frame(await receive())
    asleep.release()
    await wake.wait()
    while not (fed.is_set() and market.reached(store)):
        store.frame(await receive())
    return store


async def reader(server, session, query, market, asleep, wake, fed, library):
    if library == "websockets":
        async with websockets.connect(server.ws + query, ping_interval=None) as ws:
            return await sleeper(ws.recv, market, asleep, wake, fed)
    async with session.ws_connect(server.ws + query) as ws:
        return await sleeper(ws.receive_str, market, asleep, wake, fed)


async def scrape(server, rss, stop):
    """Until told to stop: memory and the residual, which is 0 at every look."""
    looks = 0
    while not stop.is_set():
        metrics = await server.metrics()
        assert metrics.residual() == 0, f"law 5 while ticks pour in: {metrics.residual()}"
        rss.append(server.rss_bytes())
        looks += 1
        await asyncio.sleep(0.1)
    return looks


@check("20 clients stop reading for 7 s and end with the final record of every symbol")
async def stalled(report):
    async with Server("--feed", "-") as server, aiohttp.ClientSession() as session:
        market = Market(8, SYMBOLS)
        opening = market.opening()
        Feeder(server, opening, None).start()
        await until("the opening", lambda: ingested(server, SYMBOLS))
        before = server.rss_bytes()
        query = f"?symbols={','.join(market.symbols)}"
        asleep, wake, fed, awake = asyncio.Semaphore(0), asyncio.Event(), asyncio.Event(), asyncio.Event()
        awake.set()
        tasks = [
            asyncio.create_task(
                reader(server, session, query, market, asleep, wake, fed, "websockets" if index % 2 else "aiohttp")
            )
            for index in range(CLIENTS)
        ]
        every = asyncio.create_task(
            reader(server, session, query + "&mode=every", market, asleep, awake, fed, "aiohttp")
        )
        for _ in range(CLIENTS + 1):
            await asyncio.wait_for(asleep.acquire(), 60)

        # The market is made beforehand; the model is then ahead of the feed until the feed has ended.
        lines = market.ticks(RATE * NAP_S)
        feeder, rss, stop = Feeder(server, lines, RATE), [], asyncio.Event()
        feeder.start()
        scraper = asyncio.create_task(scrape(server, rss, stop))
        rate = await feeder.finished()
        await until("the whole feed", lambda: ingested(server, SYMBOLS + len(lines)))
        behind = await server.metrics()
        fed.set()
        wake.set()
        stores = await asyncio.wait_for(asyncio.gather(*tasks), 120)
        complete = await asyncio.wait_for(every, 120)
        stop.set()
        looks = await scraper

        for store in stores:
            market.check(store)
            assert not store.gaps
        market.check(complete)
        updates = sum(held.updates for held in complete.held.values())
        assert not complete.gaps and updates == len(lines), f"mode every got {updates} of {len(lines)} ticks"
        await until("nothing pending", lambda: settled(server))
        metrics = await server.metrics()
        assert metrics.residual() == 0
        assert behind.sum("tickcast_updates_pending") > 0, "the clients did stall"
        growth = max(rss) - before
        report.figure("rate", f"{rate:,.0f}", "ticks/s")
        report.figure("memory grew by", f"{growth / 1e6:.1f}", "MB")
        report.figure("scrapes with residual 0", looks)
        report.figure("conflated", f"{metrics.sum('tickcast_updates_conflated_total'):,.0f}")
        assert growth < GROWTH_BYTES_MAX, f"{growth} bytes"


async def ingested(server, count):
    return (await server.metrics()).sum("tickcast_ticks_ingested_total") == count


async def settled(server):
    return (await server.metrics()).sum("tickcast_updates_pending") == 0
