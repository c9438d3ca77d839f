"""polygon-api-client, Massive's client of the time when it was Polygon: crypto, typed, with its own reconnects."""

import asyncio

from halves import SYMBOLS, Seen, Venue, play_in_halves
from market import Quote, Trade, check, decimal, finish
from polygon import WebSocketClient

SIDES = {1: "sell", 2: "buy"}


class Messages(Seen):
    async def take(self, messages):
        for one in messages:
            symbol = one.pair.replace("-", "")
            if one.event_type == "XT":
                side = SIDES[one.conditions[0]]
                self.trades[symbol].append(Trade(decimal(one.price), decimal(one.size), side, one.timestamp * 1000))
            else:
                quote = Quote(*map(decimal, (one.bid_price, one.bid_size, one.ask_price, one.ask_size)))
                self.quotes[symbol].append(quote)


@check("polygon-api-client: every trade, exact, in order, over a reconnect")
async def crypto(recording):
    with Venue() as venue:
        seen = Messages()
        channels = [f"{kind}.{symbol.replace('USDT', '-USDT')}" for kind in ("XT", "XQ") for symbol in SYMBOLS]
        address = venue.ws.removeprefix("ws://")
        client = WebSocketClient("key", feed=address, market="crypto", secure=False, subscriptions=channels)
        running = asyncio.create_task(client.connect(seen.take))
        try:
            await play_in_halves(venue, seen, recording)
            client.unsubscribe_all()
            await venue.no_subscriptions()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


if __name__ == "__main__":
    finish()
