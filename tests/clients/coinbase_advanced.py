"""coinbase-advanced-py, Coinbase's own client: trades, tickers and heartbeats over one connection."""

import json

from coinbase.websocket import WSClient
from market import Quote, Recording, Server, Trade, check, conflated_quotes, decimal, finish, same_trades, until
from venue_time import micros

PRODUCTS = {"BTC-USDT": "BTCUSDT", "ETH-USDT": "ETHUSDT", "SOL-USDT": "SOLUSDT"}
# The wire has the side of the resting order.
AGGRESSOR = {"BUY": "sell", "SELL": "buy"}


class Seen:
    def __init__(self):
        self.trades = {product: [] for product in PRODUCTS}
        self.quotes = {product: [] for product in PRODUCTS}
        self.numbers, self.heartbeats, self.others = [], 0, []

    def take(self, text):
        message = json.loads(text)
        self.numbers.append(message["sequence_num"])
        for event in message["events"]:
            if message["channel"] == "market_trades" and event["type"] == "update":
                # The venue has the newest first.
                for one in reversed(event["trades"]):
                    trade = Trade(decimal(one["price"]), decimal(one["size"]), AGGRESSOR[one["side"]], micros(one["time"]))
                    self.trades[one["product_id"]].append(trade)
            elif message["channel"] == "ticker":
                for one in event["tickers"]:
                    values = [one.get(name) for name in ("best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity")]
                    if all(values):
                        self.quotes[one["product_id"]].append(Quote(*map(decimal, values)))
            elif message["channel"] == "heartbeats":
                self.heartbeats += 1
            else:
                self.others.append(message)


@check("coinbase-advanced-py: every trade, exact; quotes of the recording; one numbering over all channels")
async def whole(recording):
    with Server() as server:
        seen = Seen()
        client = WSClient(base_url=f"{server.ws}/coinbase", on_message=seen.take, retry=False)
        client.open()
        for channel in ("heartbeats", "market_trades", "ticker"):
            client.subscribe(list(PRODUCTS), [channel])
        # They come whether anything is played or not.
        await until("a heartbeat", lambda: seen.heartbeats > 0)
        # It stops reading when the server closes, whatever waits.
        recording = Recording(most=recording.records - 1)
        await server.play(2 * len(PRODUCTS), recording.records)
        for product, name in PRODUCTS.items():
            recorded = recording.trades[name]
            await until(
                f"{len(recorded)} trades of {product}",
                lambda product=product, recorded=recorded: len(seen.trades[product]) >= len(recorded),
                lambda product=product: f"there are {len(seen.trades[product])}",
            )
            same_trades(product, seen.trades[product], recorded)
            quotes = seen.quotes[product]
            recorded = recording.quotes[name]
            conflated_quotes(product, quotes, recorded[: recorded.index(quotes[-1]) + 1])
        assert seen.numbers == list(range(len(seen.numbers))), "sequence_num rises by 1 with each message"
        lists = [one["events"][0]["subscriptions"] for one in seen.others if one["channel"] == "subscriptions"]
        assert sorted(lists[-1]) == ["heartbeats", "market_trades", "ticker"], lists
        server.balances()


if __name__ == "__main__":
    finish()
