"""ccxt as its users have it: markets and addresses are set through its public options, nothing is patched."""

import asyncio
import logging

from market import DEADLINE_S, Quote, Trade, decimal, until

# It logs each cancelled wait at the end of a case.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)

# No trade of the recording may be pushed out of the client's own cache.
OPTIONS = {"tradesLimit": 100_000}


def spot(market_id, symbol):
    """A market of ccxt's, in place of what it would ask a venue for by REST."""
    base, quote = symbol.split("/")
    return {
        "id": market_id,
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "baseId": base,
        "quoteId": quote,
        "lowercaseId": market_id.lower(),
        "type": "spot",
        "spot": True,
        "contract": False,
        "active": True,
        "precision": {"price": 1e-8, "amount": 1e-8},
        "limits": {},
        "info": {},
    }


class Watcher:
    """Runs ccxt's `watch…` calls again and again, as a bot does, and keeps what they return."""

    def __init__(self, exchange):
        self.exchange, self.tasks = exchange, []
        self.quotes = {}

    def watch_trades(self, symbols):
        self.run(lambda: self.exchange.watch_trades_for_symbols(symbols), lambda _: None)

    def watch_trades_of(self, symbol):
        self.run(lambda: self.exchange.watch_trades(symbol), lambda _: None)

    def watch_ticker(self, symbol, **params):
        self.run(lambda: self.exchange.watch_ticker(symbol, params), self.keep)

    def watch_bids_asks(self, symbols):
        self.run(lambda: self.exchange.watch_bids_asks(symbols), lambda found: [self.keep(one) for one in found.values()])

    def run(self, call, take):
        async def loop():
            while True:
                take(await call())

        self.tasks.append(asyncio.create_task(loop()))

    def keep(self, ticker):
        quote = self.quote_of(ticker)
        if quote:
            self.quotes.setdefault(ticker["symbol"], []).append(quote)

    @staticmethod
    def quote_of(ticker):
        """Nothing where a side is not known yet."""
        values = [ticker[name] for name in ("bid", "bidVolume", "ask", "askVolume")]
        return None if None in values else Quote(*map(decimal, values))

    def trades(self, symbol):
        """Every trade that the client has kept."""
        return [
            Trade(decimal(one["price"]), decimal(one["amount"]), one["side"], one["timestamp"] * 1000)
            for one in self.exchange.trades.get(symbol, [])
        ]

    async def have_trades(self, symbol, count):
        await self.until(
            f"{count} trades of {symbol}",
            lambda: len(self.exchange.trades.get(symbol, [])) >= count,
            lambda: f"there are {len(self.exchange.trades.get(symbol, []))}",
        )

    def last(self, symbol):
        """What the client knows last: a ticker that came while nobody waited for it is in its cache alone."""
        held = [cache[symbol] for cache in (self.exchange.tickers, self.exchange.bidsasks) if symbol in cache]
        return held[-1] if held else None

    async def have_quote(self, symbol, quote):
        def is_there():
            one = self.last(symbol)
            return one is not None and self.quote_of(one) == quote

        await self.until(f"the last quote of {symbol}", is_there, lambda: f"it has {self.last(symbol)}")
        # Not before: calls that have returned, and have not been taken yet, are older than the cache.
        self.keep(self.last(symbol))

    async def until(self, what, probe, describe):
        def ask():
            if probe():
                return True
            # When the replay is over the server closes, and ccxt tells that as a fault.
            for task in self.tasks:
                if task.done():
                    task.result()
            return False

        await until(what, ask, describe, DEADLINE_S)

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.exchange.close()
