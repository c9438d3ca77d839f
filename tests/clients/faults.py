"""What a client's user gets of a market that fails as venues do. Each ready scenario is played to a client over a relay, in
steps: nothing depends on how quick anybody is. While the market goes on the relay is shut, so a client whose connection was
closed comes back when the market stands still; what was traded meanwhile it cannot have.

What the user got is put in words, and those must be the words of `fault_rows.py`.
"""

import asyncio
import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import NamedTuple

from fault_rows import ROWS
from halves import OPTIONS, SYMBOLS, Venue
from market import until

SEED = 7
# Scenario: seconds of the market by which it has closed a connection, the next one counted from the stop before it.
STOPS = {"day-close": (70, 140), "server-shutdown": (50, 100, 150), "rate-limit": (70,), "crash-burst": (35,)}

# As many messages come again in `failover-duplicates`.
AGAIN = 40
# A number that falls from above this to less than half is not a trade that was moved.
RESTART = 1000


class Given(NamedTuple):
    """A trade as a client gives it to its user."""

    id: str
    price: Decimal
    size: Decimal
    side: str
    # Coarser than the recording's: these clients have no more.
    millis: int


class Market(Venue):
    """`with Market(scenario, recording) as market:` is a venue that fails. A client reaches it by `ws` and `http`."""

    def __init__(self, scenario, recording, stops=None):
        super().__init__(options=f"scenario={scenario}&seed={SEED}&{OPTIONS}")
        self.recording = recording
        self.stops = STOPS.get(scenario, ()) if stops is None else stops

    async def play(self, streams=len(SYMBOLS)):
        """Plays all of it to a client that subscribes to so many streams."""
        await self.subscribed(streams)
        first = self.recording.received[0]
        at = 0
        for second in self.stops:
            stop = sum(1 for time in self.recording.received if time < first + second * 1_000_000)
            await self.until_closed({"op": "step", "n": stop - at})
            self.relay.open()
            await self.subscribed(streams)
            at = stop
        # At its end the venue closes.
        await self.until_closed({"op": "resume"})

    async def until_closed(self, command):
        """The market goes on, until the client's connection is closed and it has tried to come back."""
        self.relay.shut()
        await asyncio.to_thread(lambda: self.server.replay(**command))
        # It has read all that came before it connects anew.
        await until("the client to connect anew", lambda: self.relay.waiting > 0, self.server.describe)
        await until("its old session to end", lambda: self.subscriptions() == 0, self.server.describe)

    async def subscribed(self, streams):
        await until(f"{streams} subscriptions", lambda: self.subscriptions() >= streams, self.server.describe)

    def subscriptions(self):
        return self.server.metrics()["tickcast_subscriptions"]

    def done(self):
        """How many faults of each kind the service says it has done, and how many messages it withheld."""
        answer = json.loads(self.server.request("GET", "/v1/faults"))
        return Counter(answer["counts"]), answer["withheld"]


class Seen:
    """What a user has been given, beside the recording."""

    def __init__(self, market, given):
        recording, first = market.recording, market.recording.received[0]
        # A second before each stop its connection was closed already, and the next one was not there yet.
        self.stops = [first // 1000 + (second - 1) * 1000 for second in market.stops]
        self.twice = self.moved = self.retimed = self.parts = self.parted = self.lost = self.restarts = 0
        self.given = sum(len(trades) for trades in given.values())
        for symbol in SYMBOLS:
            self.compare(recording.trades[symbol], given.get(symbol, []))

    def compare(self, recorded, given):
        once = list(dict.fromkeys(given))
        self.twice += len(given) - len(once)
        self.follow(once)
        # By price, side and time: sizes, and where in the recording.
        waiting, came = defaultdict(list), defaultdict(list)
        for number, trade in enumerate(recorded):
            waiting[trade.price, trade.side, trade.micros // 1000].append((trade.size, number))
        for trade in once:
            came[trade.price, trade.side, trade.millis].append(trade)
        parted = {key for key, trades in came.items() if self.is_parted(trades, waiting[key])}
        retimed = []
        for trade in once:
            key = (trade.price, trade.side, trade.millis)
            same = [one for one in waiting[key] if one[0] == trade.size]
            if key in parted or not same:
                retimed += [] if key in parted else [trade]
                continue
            waiting[key].remove(same[0])
        for key in parted:
            self.parts, self.parted = self.parts + len(came[key]), self.parted + len(waiting.pop(key))
        for trade in retimed:
            self.find_earlier(trade, waiting)
        self.lost += sum(map(len, waiting.values()))

    def follow(self, trades):
        """The venue's numbers rise with its trades, on each connection for itself: those of a burst are its own."""
        highest, connection = 0, 0
        for trade in trades:
            number = int(trade.id)
            before, connection = connection, sum(trade.millis >= stop for stop in self.stops)
            if before != connection:
                highest = 0
            if RESTART < highest and number * 2 < highest:
                self.restarts, highest = self.restarts + 1, number
            self.moved += number < highest
            highest = max(highest, number)

    @staticmethod
    def is_parted(trades, recorded):
        """Given as others that add up to what was recorded."""
        sizes, wanted = [trade.size for trade in trades], [size for size, _ in recorded]
        return bool(Counter(sizes) - Counter(wanted)) and sum(sizes) == sum(wanted)

    def find_earlier(self, trade, waiting):
        """The first that is the same but for its time, which was earlier."""
        found = [
            (key, one)
            for key, kept in waiting.items()
            if key[:2] == (trade.price, trade.side) and key[2] < trade.millis
            for one in kept
            if one[0] == trade.size
        ]
        assert found, f"it was never traded: {trade}"
        key, one = min(found, key=lambda pair: pair[1][1])
        waiting[key].remove(one)
        self.retimed += 1

    def words(self, closed):
        """`closed`: what the client did when its connection was closed, in words, or nothing."""
        if not self.given:
            return "waits to the market's end, without an error"
        told = "in between" if closed else "without a word"
        said = [
            closed,
            self.lost and f"loses {self.lost} trades {told}",
            self.twice and f"gives {self.twice} trades twice",
            self.moved and f"gives {self.moved} trades out of order",
            self.retimed and f"gives {self.retimed} trades with a wrong time",
            self.restarts and f"gives numbers that begin again, {self.restarts} times",
            self.parts and f"gives {self.parts} trades in place of {self.parted}, which add up",
        ]
        if not any(said[1:]):
            said.append("gives every trade once, in order")
        return "; ".join(filter(None, said))


def agree(seen, market):
    """What the user has got is what the service says that it has done, to the trade."""
    counts, withheld = market.done()
    if market.stops:
        # What was traded while it was away is lost too.
        assert seen.lost > withheld, (seen.lost, withheld)
    elif not seen.given:
        assert withheld == counts["mute"] > 0, (counts, withheld)
    else:
        assert seen.lost == withheld, (seen.lost, withheld)
    assert seen.retimed == counts["stale"], (seen.retimed, counts)
    assert seen.twice == counts["duplicate"] + AGAIN * counts["again"], (seen.twice, counts)
    assert 0 < seen.moved <= counts["reorder"] or seen.moved == counts["reorder"] == 0, (seen.moved, counts)
    assert seen.parted <= counts["burst"] and bool(seen.parted) == bool(counts["burst"]), (seen.parted, counts)
    assert bool(seen.restarts) == bool(counts["restart"]), (seen.restarts, counts)
    market.server.balances()


def expect(client, scenario, words):
    assert words == ROWS[scenario][client], f"expected: {ROWS[scenario][client]!r}; it is: {words!r}"
