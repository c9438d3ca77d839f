"""A client is given half of the recording, its connections are cut, and it is given the rest when it has come back: every
trade must have come once, exact and in order, and each quote must be one that was recorded.
"""

from collections import defaultdict

from market import Recording, Server, conflated_quotes, quotes_in_order, same_trades, until
from relay import Relay

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
STREAMS = 2 * len(SYMBOLS)
# The replay lists its symbols before its first record: that is what clients ask by REST at their start.
OPTIONS = f"start=paused&speed=max&symbols={','.join(SYMBOLS)}"


class Venue:
    """`with Venue() as venue:` plays the recording to a client that reaches it over a relay, by its `ws` and `http`."""

    def __init__(self, certificate=None, options=OPTIONS):
        self.server = Server(options=options)
        self.relay = Relay(self.server.port, certificate)
        self.secure = "s" if certificate else ""

    def __enter__(self):
        self.relay.__enter__()
        return self

    def __exit__(self, *fault):
        self.relay.__exit__(*fault)
        self.server.__exit__(*fault)

    @property
    def ws(self):
        return f"ws{self.secure}://127.0.0.1:{self.relay.port}"

    @property
    def http(self):
        return f"http{self.secure}://127.0.0.1:{self.relay.port}"

    async def cut(self):
        """Cuts every connection, and waits until the client has come back and subscribed anew."""
        before = self.server.metrics()
        sessions = before["tickcast_sessions_opened_total"] - before["tickcast_sessions_closed_total"]
        assert sessions and self.relay.cut() >= sessions

        def is_back():
            samples = self.server.metrics()
            opened = samples["tickcast_sessions_opened_total"] - before["tickcast_sessions_opened_total"]
            return opened >= sessions and samples["tickcast_subscriptions"] >= STREAMS

        await until("the client to come back", is_back, self.server.describe)

    async def no_subscriptions(self):
        """The client has unsubscribed from everything."""
        await until("no subscription", lambda: self.server.metrics()["tickcast_subscriptions"] == 0, self.server.describe)


class Seen:
    """What a client has given, by the symbols of the recording."""

    def __init__(self):
        self.trades, self.quotes, self.faults = defaultdict(list), defaultdict(list), []

    def alive(self):
        """A client that has ended says so in an assertion."""

    def describe(self, symbol):
        last = self.quotes[symbol][-1:]
        return f"there are {len(self.trades[symbol])} trades, the last quote is {last}; faults: {self.faults[-3:]}"

    async def has(self, recording, of_tickers):
        """Every trade of the recording, and the last quote."""

        def is_whole(symbol):
            self.alive()
            has_last = of_tickers or self.quotes[symbol][-1:] == recording.quotes[symbol][-1:]
            return has_last and len(self.trades[symbol]) >= len(recording.trades[symbol])

        for symbol in SYMBOLS:
            await until(f"what was recorded of {symbol}", lambda: is_whole(symbol), lambda: self.describe(symbol))


async def play_in_halves(venue, seen, whole, reconnects=True, of_tickers=False, resolution_us=1000):
    """`of_tickers`: the client's quotes are those of tickers, which come after trades."""
    # One record stays: at the end the server closes, and some clients then read no more.
    half, recording = Recording(most=whole.records // 2), Recording(most=whole.records - 1)
    await venue.server.play(STREAMS, half.records)
    await seen.has(half, of_tickers)
    if reconnects:
        await venue.cut()
    await venue.server.play(STREAMS, recording.records - half.records)
    await seen.has(recording, of_tickers)
    for symbol in SYMBOLS:
        same_trades(symbol, seen.trades[symbol], recording.trades[symbol], resolution_us)
        compare = quotes_in_order if of_tickers else conflated_quotes
        compare(symbol, seen.quotes[symbol], recording.quotes[symbol])
    venue.server.balances()
