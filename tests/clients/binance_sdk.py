"""binance-sdk-spot, Binance's own modular client for Python: typed streams of a combined connection.

It does not come back by itself after a connection has ended.
"""

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_sdk_spot.spot import Spot
from halves import SYMBOLS, Seen, Venue, play_in_halves
from market import Quote, Trade, check, decimal, finish


class Messages(Seen):
    def take_trade(self, one):
        side = "sell" if one.m else "buy"
        self.trades[one.s].append(Trade(decimal(one.p), decimal(one.q), side, one.T * 1000))

    def take_quote(self, one):
        self.quotes[one.s].append(Quote(decimal(one.b), decimal(one.B), decimal(one.a), decimal(one.A)))


@check("binance-sdk-spot: every trade, exact, in order")
async def streams(recording):
    with Venue() as venue:
        seen = Messages()
        spot = Spot(
            config_rest_api=ConfigurationRestAPI(api_key="key", api_secret="secret", base_path=venue.http),
            config_ws_streams=ConfigurationWebSocketStreams(stream_url=venue.ws, reconnect_delay=100),
        )
        listed = spot.rest_api.exchange_info().data().symbols
        assert sorted(one.symbol for one in listed) == SYMBOLS, listed
        connection = await spot.websocket_streams.create_connection()
        handles = []
        for symbol in SYMBOLS:
            trades = await connection.trade(symbol=symbol.lower())
            trades.on("message", seen.take_trade)
            quotes = await connection.book_ticker(symbol=symbol.lower())
            quotes.on("message", seen.take_quote)
            handles += [trades, quotes]
        try:
            await play_in_halves(venue, seen, recording, reconnects=False)
            for handle in handles:
                await handle.unsubscribe()
            await venue.no_subscriptions()
        finally:
            await connection.close_connection(close_session=True)


if __name__ == "__main__":
    finish()
