"""python-kraken-sdk: it pings by messages, and remembers subscriptions by their answers."""

from kraken.spot import SpotWSClient
from market import Quote, Server, Trade, check, conflated_quotes, decimal, finish, same_trades, until
from venue_time import micros

SYMBOLS = {"BTC/USDT": "BTCUSDT", "ETH/USDT": "ETHUSDT", "SOL/USDT": "SOLUSDT"}


class Seen:
    def __init__(self):
        self.trades = {symbol: [] for symbol in SYMBOLS}
        self.quotes = {symbol: [] for symbol in SYMBOLS}
        self.channels, self.answers = [], []

    async def take(self, message):
        channel = message.get("channel")
        self.channels.append(channel)
        if channel == "trade":
            for one in message["data"]:
                trade = Trade(decimal(one["price"]), decimal(one["qty"]), one["side"], micros(one["timestamp"]))
                self.trades[one["symbol"]].append(trade)
        elif channel == "ticker":
            for one in message["data"]:
                self.quotes[one["symbol"]].append(
                    Quote(*(decimal(one[name]) for name in ("bid", "bid_qty", "ask", "ask_qty")))
                )
        elif "method" in message:
            self.answers.append(message)


@check("python-kraken-sdk: every trade, exact; quotes by bbo; status, pong, an answer a symbol")
async def whole(recording):
    with Server(options="start=paused&speed=max") as server:
        seen = Seen()
        client = SpotWSClient(callback=seen.take, ws_url=server.ws)
        await client.start()
        await client.subscribe(params={"channel": "trade", "symbol": list(SYMBOLS)})
        await client.subscribe(params={"channel": "ticker", "symbol": list(SYMBOLS), "event_trigger": "bbo"})
        await server.play(2 * len(SYMBOLS))
        for symbol, name in SYMBOLS.items():
            recorded = recording.trades[name]
            await until(
                f"{len(recorded)} trades of {symbol}",
                lambda symbol=symbol, recorded=recorded: len(seen.trades[symbol]) >= len(recorded),
                lambda symbol=symbol: f"there are {len(seen.trades[symbol])}",
            )
            same_trades(symbol, seen.trades[symbol], recorded)
            await until(
                f"the last quote of {symbol}",
                lambda symbol=symbol, name=name: seen.quotes[symbol][-1:] == recording.quotes[name][-1:],
            )
            conflated_quotes(symbol, seen.quotes[symbol], recording.quotes[name])
        assert seen.channels[0] == "status", seen.channels[:3]
        answers = [one for one in seen.answers if one["method"] == "subscribe"]
        assert len(answers) == 2 * len(SYMBOLS) and all(one["success"] for one in answers), answers
        assert any(one["method"] == "pong" for one in seen.answers), "its first message is a ping"
        assert len(client.active_public_subscriptions) == 2 * len(SYMBOLS)
        await client.close()
        server.balances()


if __name__ == "__main__":
    finish()
