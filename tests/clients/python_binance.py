"""python-binance: its socket manager, with the requests that its client makes at its start."""

import asyncio

from binance import AsyncClient, BinanceSocketManager
from halves import SYMBOLS, Seen, Venue, play_in_halves
from market import Quote, Trade, check, decimal, finish

STREAMS = [f"{symbol.lower()}@{kind}" for symbol in SYMBOLS for kind in ("trade", "bookTicker")]


class Messages(Seen):
    def take(self, message):
        if message.get("e") == "error":
            self.faults.append(message)
            return
        message = message["data"]
        if message.get("e") == "trade":
            side = "sell" if message["m"] else "buy"
            trade = Trade(decimal(message["p"]), decimal(message["q"]), side, message["T"] * 1000)
            self.trades[message["s"]].append(trade)
        else:
            self.quotes[message["s"]].append(Quote(*(decimal(message[name]) for name in "bBaA")))


def pointed_at(venue):
    """Its addresses are attributes of its classes: a user has subclasses for another venue."""

    class Client(AsyncClient):
        API_URL = f"{venue.http}/api"

    class Manager(BinanceSocketManager):
        STREAM_URL = f"{venue.ws}/"

    return Client, Manager


@check("python-binance, BinanceSocketManager: every trade, exact, in order, over a reconnect")
async def sockets(recording):
    with Venue() as venue:
        Client, Manager = pointed_at(venue)
        client, seen = await Client.create(), Messages()
        info = await client.get_exchange_info()
        assert sorted(one["symbol"] for one in info["symbols"]) == SYMBOLS
        assert (await client.get_symbol_info("BTCUSDT"))["baseAsset"] == "BTC"
        await client.get_server_time()
        await client.get_orderbook_tickers()
        # It counts on a reader that keeps up, and tells each message beyond as an error.
        socket = Manager(client, max_queue_size=100_000).multiplex_socket(STREAMS)

        async def read():
            async with socket:
                while True:
                    seen.take(await socket.recv())

        reader = asyncio.create_task(read())
        try:
            await play_in_halves(venue, seen, recording)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            await client.close_connection()
        await venue.no_subscriptions()


if __name__ == "__main__":
    finish()
