"""The contract as JavaScript meets it: the npm package `ws`, and the WebSocket that Node.js has as browsers have it."""

import asyncio
import os

from judge import check
from market import Market
from server import Server

HERE = os.path.dirname(os.path.abspath(__file__))


async def node(script, server, market, *flags):
    """Runs a script beside a feed until it has every final record; it prints what it holds, line by line."""
    env = {**os.environ, "NODE_PATH": os.path.join(os.environ["ACCEPT_NODE"], "node_modules")}
    process = await asyncio.create_subprocess_exec(
        "node", "--no-warnings", *flags, os.path.join(HERE, script), server.ws, ",".join(market.symbols), "2000",
        env=env, stdout=-1, stderr=-1,
    )  # fmt: skip
    try:
        first = await asyncio.wait_for(process.stdout.readline(), 60)
        assert first == b"subscribed\n", first + await process.stderr.read()
        for _ in range(20):
            await server.publish(market.ticks(100))
        out, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, err.decode()[-600:]
    held = dict(line.split(" ", 1) for line in out.decode().splitlines())
    expected = {symbol: f"{market.seq[symbol]} {market.record[symbol]['bid']}" for symbol in market.symbols}
    assert held == expected, (held, expected)


@check("node: the package ws")
async def package_ws(report):
    async with Server() as server:
        market = Market(6, 4)
        await server.publish(market.opening(whole=True))
        await node("client_ws.cjs", server, market)


@check("node: the WebSocket of browsers")
async def builtin(report):
    async with Server() as server:
        market = Market(7, 4)
        await server.publish(market.opening(whole=True))
        # Node.js 20 has it behind a flag, later ones without; the flag does no harm there.
        await node("client_browser.cjs", server, market, "--experimental-websocket")
