"""massive, the vendor's client: it sends its key, subscribes then, and gives what it is sent as objects."""

import asyncio
from decimal import Decimal

from market import Quote, Server, Trade, check, conflated_quotes, decimal, finish, same_trades, until
from massive import WebSocketClient

SYMBOLS = {"BTC-USDT": "BTCUSDT", "ETH-USDT": "ETHUSDT", "SOL-USDT": "SOLUSDT"}
SIDES = {1: "sell", 2: "buy"}


class Seen:
    """What a client has given, by symbol and kind."""

    def __init__(self):
        self.trades, self.quotes, self.sequences = {}, {}, {}

    async def take(self, messages):
        for one in messages:
            symbol = getattr(one, "pair", None) or one.symbol
            if one.event_type in ("T", "XT"):
                side = SIDES[one.conditions[0]] if one.event_type == "XT" else None
                trade = Trade(decimal(one.price), decimal(one.size), side, one.timestamp * 1000)
                self.trades.setdefault(symbol, []).append(trade)
            else:
                assert one.event_type in ("Q", "XQ"), one
                ask_size = one.ask_size
                quote = Quote(*map(decimal, (one.bid_price, one.bid_size, one.ask_price, ask_size)))
                self.quotes.setdefault(symbol, []).append(quote)
            if one.event_type == "T":
                assert Decimal(one.fractional_shares) == decimal(one.size), one
                self.sequences.setdefault(symbol, []).append(one.sequence_number)


async def played(recording, market, channels, wanted, subscriptions):
    """Plays the recording to one client once it has subscribed, and returns what it has given. `wanted`: its symbols, as recorded."""
    with Server(options="start=paused&speed=max") as server:
        seen = Seen()
        address = server.ws.removeprefix("ws://")
        client = WebSocketClient("any key", feed=address, market=market, secure=False, subscriptions=channels)
        task = asyncio.create_task(client.connect(seen.take))
        await server.play(subscriptions)
        for symbol, name in wanted.items():
            recorded = recording.trades[name]
            await until(
                f"{len(recorded)} trades of {symbol}",
                lambda symbol=symbol, recorded=recorded: len(seen.trades.get(symbol, ())) >= len(recorded),
                lambda symbol=symbol: f"there are {len(seen.trades.get(symbol, ()))}",
            )
            if symbol in seen.quotes:
                await until(
                    f"the last quote of {symbol}",
                    lambda symbol=symbol, name=name: seen.quotes[symbol][-1:] == recording.quotes[name][-1:],
                )
        server.balances()
        # The replay ends with a close that the client takes for the end.
        await task
        return seen


@check("massive, crypto: every trade and side, exact; quotes")
async def crypto(recording):
    channels = [f"{kind}.{symbol}" for kind in ("XT", "XQ") for symbol in SYMBOLS]
    seen = await played(recording, "crypto", channels, SYMBOLS, len(channels))
    for symbol, name in SYMBOLS.items():
        same_trades(symbol, seen.trades[symbol], recording.trades[name], resolution_us=1000)
        conflated_quotes(symbol, seen.quotes[symbol], recording.quotes[name])


@check("massive, stocks: all symbols by an asterisk, every trade, exact; quotes of one; sequence numbers rise")
async def stocks(recording):
    names = recording.symbols()
    # The one subscription shows that the service has heard of the asterisk beside it.
    seen = await played(recording, "stocks", ["T.*", "Q.BTCUSDT"], {name: name for name in names}, 1)
    conflated_quotes("BTCUSDT", seen.quotes["BTCUSDT"], recording.quotes["BTCUSDT"])
    assert sorted(seen.trades) == names
    for name in names:
        recorded = [trade._replace(side=None) for trade in recording.trades[name]]
        same_trades(name, seen.trades[name], recorded, resolution_us=1000)
        numbers = seen.sequences[name]
        assert all(a < b for a, b in zip(numbers, numbers[1:])), name


if __name__ == "__main__":
    finish()
