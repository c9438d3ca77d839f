"""unicorn-binance-websocket-api: one connection that subscribes, with its own reconnects."""

import json

from halves import SYMBOLS, Seen, Venue, play_in_halves
from market import Quote, Trade, check, decimal, finish
from unicorn_binance_websocket_api import BinanceWebSocketApiManager


class Messages(Seen):
    def take(self, text, **_):
        message = json.loads(text)
        message = message.get("data", message)
        if message.get("e") == "trade":
            side = "sell" if message["m"] else "buy"
            trade = Trade(decimal(message["p"]), decimal(message["q"]), side, message["T"] * 1000)
            self.trades[message["s"]].append(trade)
        elif "u" in message:
            self.quotes[message["s"]].append(Quote(*(decimal(message[name]) for name in "bBaA")))


@check("unicorn-binance-websocket-api: every trade, exact, in order, over a reconnect")
async def stream(recording):
    with Venue() as venue:
        seen = Messages()
        manager = BinanceWebSocketApiManager(
            exchange="binance.com", websocket_base_uri=f"{venue.ws}/", restful_base_uri=venue.http, disable_colorama=True
        )
        one = manager.create_stream(["trade", "bookTicker"], SYMBOLS, process_stream_data=seen.take)
        try:
            await play_in_halves(venue, seen, recording)
            manager.unsubscribe_from_stream(one, channels=["trade", "bookTicker"])
            await venue.no_subscriptions()
        finally:
            manager.stop_manager()


if __name__ == "__main__":
    finish()
