"""binance-connector, Binance's own client for Python: raw and combined streams."""

import json

from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient
from market import Quote, Server, Trade, check, conflated_quotes, decimal, finish, same_trades, until

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]


class Seen:
    def __init__(self, is_combined):
        self.is_combined, self.faults = is_combined, []
        self.trades = {symbol: [] for symbol in SYMBOLS}
        self.quotes = {symbol: [] for symbol in SYMBOLS}

    def take(self, _, text):
        message = json.loads(text)
        if "result" in message:
            return
        if self.is_combined:
            message = message["data"]
        if message.get("e") == "trade":
            # `m`: the buyer's order rested, so the seller was the aggressor.
            side = "sell" if message["m"] else "buy"
            trade = Trade(decimal(message["p"]), decimal(message["q"]), side, message["T"] * 1000)
            self.trades[message["s"]].append(trade)
        elif "u" in message:
            quote = Quote(*(decimal(message[name]) for name in "bBaA"))
            self.quotes[message["s"]].append(quote)

    def fault(self, _, fault):
        self.faults.append(fault)


async def run(recording, is_combined):
    with Server() as server:
        seen = Seen(is_combined)
        client = SpotWebsocketStreamClient(
            stream_url=server.ws, on_message=seen.take, on_error=seen.fault, is_combined=is_combined
        )
        client.subscribe([f"{symbol.lower()}@{kind}" for symbol in SYMBOLS for kind in ("trade", "bookTicker")])
        await server.play(2 * len(SYMBOLS))
        for symbol in SYMBOLS:
            recorded = recording.trades[symbol]
            await until(
                f"{len(recorded)} trades of {symbol}",
                lambda symbol=symbol, recorded=recorded: len(seen.trades[symbol]) >= len(recorded),
                lambda symbol=symbol: f"there are {len(seen.trades[symbol])}; faults: {seen.faults}",
            )
            same_trades(symbol, seen.trades[symbol], recorded, resolution_us=1000)
            await until(
                f"the last quote of {symbol}",
                lambda symbol=symbol: seen.quotes[symbol][-1:] == recording.quotes[symbol][-1:],
            )
            conflated_quotes(symbol, seen.quotes[symbol], recording.quotes[symbol])
        server.balances()
        client.stop()


@check("binance-connector, raw streams: every trade, exact; quotes in order, the last one too")
async def raw(recording):
    await run(recording, is_combined=False)


@check("binance-connector, combined streams: every trade, exact; quotes in order, the last one too")
async def combined(recording):
    await run(recording, is_combined=True)


if __name__ == "__main__":
    finish()
