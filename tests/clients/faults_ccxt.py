"""ccxt for Python on a market that fails as venues do, in all the ready scenarios."""

import asyncio
import os

import ccxt.pro
from ccxt_client import OPTIONS, spot
from fault_rows import ROWS
from faults import Given, Market, Seen, agree, expect
from market import check, decimal, finish

SYMBOLS = {"BTC/USDT": "BTCUSDT", "ETH/USDT": "ETHUSDT", "SOL/USDT": "SOLUSDT"}


async def exchange_of(venue, market):
    exchange = getattr(ccxt.pro, venue)({"options": {**OPTIONS, "fetchMarkets": {"types": ["spot"]}}})
    api = exchange.urls["api"]
    if venue == "binance":
        api["ws"]["spot"], api["public"] = f"{market.ws}/ws", f"{market.http}/api/v3"
        await exchange.load_markets()
        return exchange
    if venue == "coinbaseexchange":
        api["ws"] = f"{market.ws}/coinbase"
    else:
        api["ws"]["publicV2"] = f"{market.ws}/v2"
    separator = "-" if venue == "coinbaseexchange" else ""
    exchange.set_markets([spot(symbol.replace("/", separator), symbol) for symbol in SYMBOLS])
    return exchange


class Bot:
    """Asks for trades again and again, and goes on behind every error, as ccxt's manual has it."""

    def __init__(self, venue, exchange):
        self.exchange, self.raised = exchange, []
        symbols = list(SYMBOLS)
        if venue == "coinbaseexchange":
            # It takes one symbol in a call.
            calls = [lambda symbol=symbol: exchange.watch_trades(symbol) for symbol in symbols]
        else:
            calls = [lambda: exchange.watch_trades_for_symbols(symbols)]
        self.tasks = [asyncio.create_task(self.watch(call)) for call in calls]

    async def watch(self, call):
        while True:
            try:
                await call()
            except ccxt.BaseError as fault:
                self.raised.append(type(fault).__name__)

    def given(self):
        """Every trade that the client has kept for its user."""
        kept = {name: self.exchange.trades.get(symbol, []) for symbol, name in SYMBOLS.items()}
        return {
            name: [
                Given(one["id"], decimal(one["price"]), decimal(one["amount"]), one["side"], one["timestamp"])
                for one in trades
            ]
            for name, trades in kept.items()
        }

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.exchange.close()

    def words(self, closes):
        """`closes`: how often the scenario closed. The market's end is not a part of it."""
        return closes and f"raises {' and '.join(sorted(set(self.raised)))} at each close; the next call connects anew"


def register(venue, scenario):
    @check(f"ccxt for Python as {venue}, {scenario}")
    async def run(recording):
        with Market(scenario, recording) as market:
            bot = Bot(venue, await exchange_of(venue, market))
            try:
                await market.play()
            finally:
                await bot.close()
            seen = Seen(market, bot.given())
            agree(seen, market)
        expect(f"ccxt {venue}", scenario, seen.words(bot.words(len(market.stops))))


for venue in os.environ.get("CLIENTS_VENUES", "binance coinbaseexchange kraken").split():
    for scenario in ROWS:
        register(venue, scenario)

if __name__ == "__main__":
    finish()
