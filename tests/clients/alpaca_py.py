"""alpaca-py: it speaks MessagePack, with timestamps as extensions, and subscribes by fragmented messages."""

import asyncio
import threading
from datetime import datetime, timezone

from alpaca.data.live import CryptoDataStream, StockDataStream
from market import Quote, Server, Trade, check, conflated_quotes, decimal, finish, same_trades, until

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
SIDES = {"B": "buy", "S": "sell"}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def micros(time):
    since = time - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


class Seen:
    """What a stream has given, by symbol."""

    def __init__(self, stream, symbols):
        self.trades = {symbol: [] for symbol in symbols}
        self.quotes = {symbol: [] for symbol in symbols}
        self.stream = stream
        stream.subscribe_trades(self.take_trade, *symbols)
        stream.subscribe_quotes(self.take_quote, *symbols)
        # It is accepted, and nothing comes.
        stream.subscribe_bars(self.take_trade, "*")
        self.thread = threading.Thread(target=stream.run, daemon=True)
        self.thread.start()

    async def take_trade(self, one):
        side = SIDES.get(one.get("tks")) if isinstance(one, dict) else None
        if isinstance(one, dict):
            values = one["S"], one["p"], one["s"], one["t"].to_datetime()
        else:
            values = one.symbol, one.price, one.size, one.timestamp
        symbol, price, size, time = values
        self.trades[symbol].append(Trade(decimal(price), decimal(size), side, micros(time)))

    async def take_quote(self, one):
        if isinstance(one, dict):
            symbol, values = one["S"], [one[name] for name in ("bp", "bs", "ap", "as")]
        else:
            symbol, values = one.symbol, (one.bid_price, one.bid_size, one.ask_price, one.ask_size)
        self.quotes[symbol].append(Quote(*map(decimal, values)))

    async def compare(self, server, recording, names, has_sides):
        await server.play(2 * len(names))
        for symbol, name in names.items():
            recorded = recording.trades[name]
            if not has_sides:
                recorded = [trade._replace(side=None) for trade in recorded]
            await until(
                f"{len(recorded)} trades of {symbol}",
                lambda symbol=symbol, recorded=recorded: len(self.trades[symbol]) >= len(recorded),
                lambda symbol=symbol: f"there are {len(self.trades[symbol])}",
            )
            same_trades(symbol, self.trades[symbol], recorded)
            await until(
                f"the last quote of {symbol}",
                lambda symbol=symbol, name=name: self.quotes[symbol][-1:] == recording.quotes[name][-1:],
            )
            conflated_quotes(symbol, self.quotes[symbol], recording.quotes[name])
        await asyncio.to_thread(self.stream.stop)


@check("alpaca-py, StockDataStream: every trade, exact; quotes in order, the last one too; bars are taken")
async def stocks(recording):
    with Server() as server:
        seen = Seen(StockDataStream("key", "secret", url_override=f"{server.ws}/v2/iex"), SYMBOLS)
        await seen.compare(server, recording, {symbol: symbol for symbol in SYMBOLS}, has_sides=False)
        server.balances()


@check("alpaca-py, CryptoDataStream: the same of pairs, with the side of the taker")
async def crypto(recording):
    names = {symbol.replace("USDT", "/USDT"): symbol for symbol in SYMBOLS}
    with Server() as server:
        url = f"{server.ws}/v1beta3/crypto/us"
        seen = Seen(CryptoDataStream("key", "secret", raw_data=True, url_override=url), list(names))
        await seen.compare(server, recording, names, has_sides=True)
        server.balances()


if __name__ == "__main__":
    finish()
