"""cryptofeed: Binance, with the list of their markets by REST. It takes no address without TLS."""

import asyncio
import os

from halves import SYMBOLS, Seen, Venue, play_in_halves
from market import Quote, Trade, check, decimal, finish
from relay import Certificate

CERTIFICATE = Certificate()
# Read when it connects, and by its client for REST.
os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = str(CERTIFICATE.path)

from cryptofeed import FeedHandler  # noqa: E402
from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint  # noqa: E402
from cryptofeed.defines import TICKER, TRADES  # noqa: E402
from cryptofeed.exchanges import Binance  # noqa: E402
from cryptofeed.symbols import Symbols  # noqa: E402


class Messages(Seen):
    async def trade(self, one, _):
        trade = Trade(one.price, one.amount, one.side, round(one.timestamp * 1e6))
        self.trades[one.symbol.replace("-", "")].append(trade)

    async def ticker(self, one, _):
        sizes = (decimal(one.raw[name]) for name in "BA")
        self.quotes[one.symbol.replace("-", "")].append(Quote(one.bid, next(sizes), one.ask, next(sizes)))


async def run(recording, exchange, route, callbacks, **options):
    """Its addresses are attributes of its classes: a user has a subclass."""
    with Venue(CERTIFICATE) as venue:
        Symbols.clear()
        rest = RestEndpoint(venue.http, routes=Routes(route))
        here = {
            "websocket_endpoints": [WebsocketEndpoint(venue.ws, options={"compression": None})],
            "rest_endpoints": [rest],
        }
        seen = Messages()
        shown = {channel: getattr(seen, name) for channel, name in callbacks.items()}
        pairs = [symbol.replace("USDT", "-USDT") for symbol in SYMBOLS]
        feed = type(exchange.__name__, (exchange,), here)(symbols=pairs, channels=list(callbacks), callbacks=shown)
        handler = FeedHandler(config={"log": {"disabled": True}})
        handler.add_feed(feed)
        handler.run(start_loop=False, install_signal_handlers=False)
        try:
            await play_in_halves(venue, seen, recording, **options)
        finally:
            await handler.stop_async(loop=asyncio.get_running_loop())


@check("cryptofeed, Binance: every trade, exact, in order, over a reconnect")
async def binance(recording):
    await run(recording, Binance, "/api/v3/exchangeInfo", {TRADES: "trade", TICKER: "ticker"})


if __name__ == "__main__":
    finish()
