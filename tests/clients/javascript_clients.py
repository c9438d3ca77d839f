"""Clients in JavaScript. Node runs the scripts in `javascript/`, one for each client; the comparison is here."""

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from halves import SYMBOLS, Seen, Venue, play_in_halves
from market import Quote, Trade, check, finish

SCRIPTS = Path(__file__).with_name("javascript")


class Client(NamedTuple):
    name: str
    script: str
    # Whether it comes back by itself after a connection has ended.
    reconnects: bool = True
    # Whether its quotes are those of tickers, which its venue sends after trades.
    of_tickers: bool = False


CLIENTS = [
    Client("binance", "binance_siebly.cjs"),
    Client("node-binance-api", "node_binance_api.cjs"),
    Client("@binance/spot", "binance_spot.cjs"),
    Client("binance-api-node", "binance_api_node.cjs"),
    Client("coinbase-api, Advanced Trade", "coinbase_api_advanced.cjs", of_tickers=True),
    Client("coinbase-api, Exchange", "coinbase_api_exchange.cjs", of_tickers=True),
    Client("coinbase-pro-node", "coinbase_pro_node.mjs", of_tickers=True),
    Client("@alpacahq/alpaca-trade-api", "alpaca_trade_api.cjs"),
    Client("@massive.com/client-js", "massive.mjs", reconnects=False),
    Client("@polygon.io/client-js", "polygon.mjs", reconnects=False),
]


class Script(Seen):
    """A script of a client, and what it has printed."""

    def __init__(self, process):
        super().__init__()
        self.process, self.markets = process, []
        self.readers = [asyncio.create_task(self.read()), asyncio.create_task(self.read_errors())]

    @classmethod
    async def start(cls, file, venue):
        command = json.dumps({"ws": venue.ws, "http": venue.http, "symbols": SYMBOLS})
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec("node", SCRIPTS / file, command, stdin=pipe, stdout=pipe, stderr=pipe)
        )

    async def read(self):
        async for line in self.process.stdout:
            # Some clients write a log of their own.
            if not line.startswith(b'["'):
                continue
            kind, *values = json.loads(line)
            if kind == "trade":
                symbol, price, size, side, millis = values
                self.trades[symbol].append(Trade(Decimal(price), Decimal(size), side, millis * 1000))
            elif kind == "quote":
                symbol, *values = values
                self.quotes[symbol].append(Quote(*map(Decimal, values)))
            else:
                self.markets.append(values[0])

    async def read_errors(self):
        async for line in self.process.stderr:
            self.faults.append(line.decode().rstrip())

    def alive(self):
        ended = self.process.returncode
        assert ended is None, f"it has ended with {ended}: {self.faults[-10:]}"

    async def unsubscribe(self):
        self.process.stdin.write(b"unsubscribe\n")
        await self.process.stdin.drain()

    async def end(self):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


def register(client):
    @check(f"{client.name}: every trade, exact, in order{', over a reconnect' if client.reconnects else ''}")
    async def trades(recording):
        with Venue() as venue:
            script = await Script.start(client.script, venue)
            try:
                await play_in_halves(venue, script, recording, client.reconnects, client.of_tickers)
                assert all(markets == SYMBOLS for markets in script.markets), script.markets
                await script.unsubscribe()
                await venue.no_subscriptions()
            except AssertionError as fault:
                raise AssertionError(f"{fault}; it says {script.faults[-10:]}") from None
            finally:
                await script.end()


chosen = sys.argv[1:]
for client in CLIENTS:
    if not chosen or any(word in client.script for word in chosen):
        register(client)

if __name__ == "__main__":
    finish()
