"""ccxt for JavaScript, as each venue that it has a WebSocket client for. Node runs it; the comparison is here."""

import asyncio
import json
import os
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from market import DEADLINE_S, Recording, Server, Trade, check, finish, same_trades

SYMBOLS = {"BTC/USDT": "BTCUSDT", "ETH/USDT": "ETHUSDT", "SOL/USDT": "SOLUSDT"}
FEED = Path(__file__).with_name("ccxt_feed.cjs")
RESTING = {"buy": "sell", "sell": "buy"}


async def run(venue, recording, symbols):
    # It handles no message any more once the server has closed.
    recording = Recording(most=recording.records - 1)
    counts = {symbol: len(recording.trades[name]) for symbol, name in symbols.items()}
    with Server() as server:
        process = await asyncio.create_subprocess_exec(
            "node", FEED, venue, server.ws, json.dumps(counts), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        await server.play(len(symbols), recording.records)
        try:
            out, errors = await asyncio.wait_for(process.communicate(), 2 * DEADLINE_S)
        except asyncio.TimeoutError:
            process.kill()
            raise
        assert process.returncode == 0, errors.decode()[:600]
        server.balances()
    seen = defaultdict(list)
    for line in out.decode().splitlines():
        symbol, price, size, side, millis = json.loads(line)
        side = RESTING[side] if venue == "coinbase" else side
        seen[symbol].append(Trade(Decimal(price), Decimal(size), side, millis * 1000))
    for symbol, name in symbols.items():
        same_trades(symbol, seen[symbol], recording.trades[name], resolution_us=1000)


def register(venue, symbols=SYMBOLS):
    @check(f"ccxt for JavaScript as {venue}: every trade, exact, in order")
    async def trades(recording):
        await run(venue, recording, symbols)


VENUES = os.environ.get("CLIENTS_VENUES", "binance coinbase coinbaseexchange kraken").split()
for venue in VENUES:
    # Its client for Coinbase Exchange takes one symbol in a call, and the replay begins with the first.
    register(venue, {"BTC/USDT": "BTCUSDT"} if venue == "coinbaseexchange" else SYMBOLS)

if __name__ == "__main__":
    finish()
