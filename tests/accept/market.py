"""A seeded market, and the plain model of what every record must be after it, in integers of 1e-9."""

import random

ONE = 10**9


def decimal(units):
    """The shortest decimal text."""
    text = f"{abs(units) // ONE}.{abs(units) % ONE:09d}".rstrip("0").rstrip(".")
    return ("-" if units < 0 else "") + text


class Market:
    def __init__(self, seed, count, prefix="SYM"):
        self.random = random.Random(seed)
        self.symbols = [f"{prefix}{index}" for index in range(count)]
        self.seq = dict.fromkeys(self.symbols, 0)
        self.record = {symbol: {} for symbol in self.symbols}
        self.price = {symbol: (100 + index) * ONE for index, symbol in enumerate(self.symbols)}
        self.totals = {symbol: [0, 0, None, None] for symbol in self.symbols}

    def tick(self, symbol, whole=False):
        """One line; `whole`: with a quote on both sides and a trade, for streams that are heavy."""
        rnd = self.random
        self.seq[symbol] += 1
        price = self.price[symbol] = max(1, self.price[symbol] + rnd.randint(-50_000_000, 50_000_000))
        size = rnd.randint(1, 5 * ONE)
        kind = rnd.randrange(3)
        fields = {}
        if whole or kind == 0:
            fields.update(bid=decimal(price), bid_size=decimal(size))
        if whole or kind == 1:
            fields.update(ask=decimal(price + 10_000_000), ask_size=decimal(size))
        if whole or kind == 2:
            fields.update(last=decimal(price), last_size=decimal(size), side=rnd.choice(["buy", "sell"]))
            self.trade(symbol, price, size)
        self.record[symbol].update(fields)
        return f'{{"symbol":"{symbol}",' + ",".join(f'"{name}":"{text}"' for name, text in fields.items()) + "}"

    def trade(self, symbol, price, size):
        volume, trades, high, low = self.totals[symbol]
        high = price if high is None else max(high, price)
        low = price if low is None else min(low, price)
        self.totals[symbol] = volume + size, trades + 1, high, low
        record = self.record[symbol]
        record.setdefault("open", decimal(price))
        record.update(volume=decimal(volume + size), trades=str(trades + 1), high=decimal(high), low=decimal(low))

    def ticks(self, count, whole=False):
        return [self.tick(self.random.choice(self.symbols), whole) for _ in range(count)]

    def opening(self, whole=False):
        """A tick of each symbol, so that every record exists."""
        return [self.tick(symbol, whole) for symbol in self.symbols]

    def check(self, store):
        """Law 3: the store holds the newest record of every symbol, digit by digit."""
        for symbol in self.symbols:
            held = store.held[symbol]
            assert held.cursor == self.seq[symbol], f"{symbol} stands at {held.cursor}, the topic at {self.seq[symbol]}"
            assert held.record == self.record[symbol], f"{symbol}: {held.record} is not {self.record[symbol]}"

    def reached(self, store):
        return all(
            symbol in store.held and store.held[symbol].cursor == seq for symbol, seq in self.seq.items() if seq
        )
