"""ccxt for JavaScript on a market that fails as venues do, in all the ready scenarios: it does what ccxt for Python does. Node
runs it; the comparison is here.
"""

import asyncio
import json
import logging
import os
from decimal import Decimal
from pathlib import Path

from fault_rows import ROWS
from faults import Given, Market, Seen, agree, expect
from market import DEADLINE_S, check, finish

SYMBOLS = {"BTC/USDT": "BTCUSDT", "ETH/USDT": "ETHUSDT", "SOL/USDT": "SOLUSDT"}
# A client that is ended while it comes back leaves a task of the relay, which is logged.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)
BOT = Path(__file__).with_name("javascript") / "ccxt_bot.cjs"


class Bot:
    def __init__(self, process):
        self.process = process

    @classmethod
    async def start(cls, venue, market):
        pipe = asyncio.subprocess.PIPE
        command = ["node", BOT, venue, market.ws, market.http, json.dumps(list(SYMBOLS))]
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe))

    async def end(self):
        """What it has given to its user, and the names of what it has raised."""
        try:
            out, errors = await asyncio.wait_for(self.process.communicate(b"end\n"), DEADLINE_S)
        finally:
            if self.process.returncode is None:
                self.process.kill()
        assert self.process.returncode == 0, errors.decode()[:600]
        said = json.loads(out)
        given = {
            SYMBOLS[symbol]: [Given(id, Decimal(price), Decimal(size), side, millis) for id, price, size, side, millis in rows]
            for symbol, rows in said["given"].items()
        }
        return given, said["raised"]


def register(venue, scenario):
    @check(f"ccxt for JavaScript as {venue}, {scenario}")
    async def run(recording):
        with Market(scenario, recording) as market:
            bot = await Bot.start(venue, market)
            try:
                await market.play()
            finally:
                given, raised = await bot.end()
            seen = Seen(market, given)
            agree(seen, market)
        closed = market.stops and f"raises {' and '.join(raised)} at each close; the next call connects anew"
        # It does what ccxt for Python does.
        expect(f"ccxt {venue}", scenario, seen.words(closed))


VENUES = ["binance", "coinbaseexchange", "kraken"]
chosen = os.environ.get("CLIENTS_VENUES", "").split()
for at, scenario in enumerate(ROWS):
    # Each scenario once, and each venue four times, unless venues are named.
    for venue in chosen or [VENUES[at % len(VENUES)]]:
        register(venue, scenario)

if __name__ == "__main__":
    finish()
