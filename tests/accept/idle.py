"""Ten thousand idle sessions with twenty subscriptions each: what one costs the server in memory."""

import asyncio
import selectors

from bare import Bare
from judge import check, until
from market import Market
from server import Server

SESSIONS, SUBSCRIPTIONS, SYMBOLS = 10_000, 20, 500
# A source address for each thousand spares ports.
PER_ADDRESS = 1_000
BYTES_MAX = 6 * 1024


def serve_pings(selector, timeout_s):
    """Reads what has come: an idle client answers pings, or it would be taken for dead."""
    for key, _ in selector.select(timeout_s):
        assert key.fileobj.read(), "an idle session was ended"
        key.fileobj.take()


def connect_all(server, symbols, selector):
    clients = []
    for index in range(SESSIONS):
        chosen = [symbols[(index * 7 + place) % SYMBOLS] for place in range(SUBSCRIPTIONS)]
        source = f"127.0.0.{2 + index // PER_ADDRESS}"
        client = Bare(server, f"?symbols={','.join(chosen)}", source=source)
        clients.append(client)
        selector.register(client, selectors.EVENT_READ)
        if index % 100 == 0:
            serve_pings(selector, 0)
    return clients


@check("10,000 idle sessions with 20 subscriptions each")
async def idle(report):
    async with Server("--set", "limits.sessions=20000") as server:
        market = Market(11, SYMBOLS)
        await server.publish(market.opening(whole=True))
        await until("the opening", lambda: shows(server, "tickcast_topics", SYMBOLS))
        # One session comes and goes, so that what the first one builds for all is not counted.
        (await asyncio.to_thread(Bare, server, "?symbols=*")).close()
        await until("nobody", lambda: shows(server, "tickcast_sessions", 0))
        before = server.rss_bytes()
        with selectors.EpollSelector() as selector:
            clients = await asyncio.to_thread(connect_all, server, market.symbols, selector)
            quiet = asyncio.create_task(until("all subscriptions", lambda: complete(server)))
            while not quiet.done():
                await asyncio.to_thread(serve_pings, selector, 0.1)
            await quiet
            each = (server.rss_bytes() - before) / SESSIONS
            report.figure("memory of a session", f"{each / 1024:.2f}", "KiB (goal 6)")
            for client in clients:
                client.close()
        await until("nobody", lambda: shows(server, "tickcast_sessions", 0))
        assert (await server.metrics()).residual() == 0
        assert each <= BYTES_MAX, f"{each} bytes"


async def complete(server):
    metrics = await server.metrics()
    return (
        metrics.sum("tickcast_sessions") == SESSIONS
        and metrics.sum("tickcast_subscriptions") == SESSIONS * SUBSCRIPTIONS
        and metrics.sum("tickcast_updates_pending") == 0
    )


async def shows(server, family, count):
    return (await server.metrics()).sum(family) == count
