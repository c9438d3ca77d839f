"""What every case here needs: the service as a process, the recording that it plays, and what a client must have seen of it.

The recording is decoded here, from its JSON and with Python's own decimals: nothing of the service has a part in it.
"""

import asyncio
import http.client
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import traceback
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import zstandard

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("CLIENTS_BIN", str(ROOT / "target/debug/tickcast"))
BUNDLED = ROOT / "src/feed/bundled/binance-spot-2025-03-25.ndjson.zst"
DEADLINE_S = int(os.environ.get("CLIENTS_DEADLINE_S", 60))


class Trade(NamedTuple):
    price: Decimal
    size: Decimal
    # Of the aggressor.
    side: str
    # The venue's time, in microseconds.
    micros: int


class Quote(NamedTuple):
    bid: Decimal
    bid_size: Decimal
    ask: Decimal
    ask_size: Decimal


class Recording:
    """The trades and quotes of each symbol, in order, of the first `most` records."""

    def __init__(self, path=BUNDLED, most=None):
        self.trades, self.quotes = defaultdict(list), defaultdict(list)
        self.records = 0
        # When each record was received, in microseconds.
        self.received = []
        with open(path, "rb") as file:
            for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
                row = json.loads(line, parse_float=Decimal, parse_int=Decimal)
                if "symbol" not in row or self.records == most:
                    continue
                self.records += 1
                self.received.append(int(row["rx"]))
                if "last" in row:
                    trade = Trade(row["last"], row["last_size"], row["side"], int(row["ts"]))
                    self.trades[row["symbol"]].append(trade)
                elif "bid" in row:
                    quote = Quote(row["bid"], row["bid_size"], row["ask"], row["ask_size"])
                    self.quotes[row["symbol"]].append(quote)

    def symbols(self):
        return sorted(self.trades)


def decimal(value):
    """Of a number of a client: a double with up to 15 digits is the decimal that it prints as."""
    return Decimal(value if isinstance(value, (str, int)) else repr(value))


def same_trades(symbol, seen, recorded, resolution_us=1):
    """Each trade once, in order, exact. `resolution_us`: a client's times may be coarser than the recording's."""
    assert recorded, f"the recording has trades of {symbol}"
    for at, (got, want) in enumerate(zip(seen, recorded)):
        want = want._replace(micros=want.micros // resolution_us * resolution_us)
        assert got == want, f"{symbol}: trade {at} is {got}, recorded was {want}"
    assert len(seen) == len(recorded), f"{symbol}: {len(seen)} trades, recorded were {len(recorded)}"


def quotes_in_order(symbol, seen, recorded):
    """Each quote is one that was recorded, in order: any may be left out."""
    assert seen, f"no quote of {symbol}"
    at = 0
    for number, quote in enumerate(seen):
        try:
            at = recorded.index(quote, at)
        except ValueError:
            raise AssertionError(f"{symbol}: quote {number} is {quote}, which is not recorded from {at} on") from None


def conflated_quotes(symbol, seen, recorded):
    """Each quote is one that was recorded, in order, and the last is the last: those in between may be left out."""
    quotes_in_order(symbol, seen, recorded)
    assert seen[-1] == recorded[-1], f"{symbol}: the last quote is {seen[-1]}, recorded was {recorded[-1]}"


class Server:
    """`with Server(...) as server:` plays the bundled recording on a free port of the loopback, once its readers are there."""

    def __init__(self, *args, options="start=paused&speed=max"):
        self.log = open(ROOT / "target" / f"clients-{os.getpid()}.log", "w+b")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--listen", "127.0.0.1:0", "--feed", f"replay:bundled?{options}", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        line = self.process.stdout.readline().decode()
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
        if not found:
            self.process.wait()
            self.log.seek(0)
            raise AssertionError(f"standard output announces the address, not {line!r}: {self.log.read().decode()}")
        self.port = int(found.group(1))
        # Whatever it prints later must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()
        os.unlink(self.log.name)

    @property
    def http(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self):
        return f"ws://127.0.0.1:{self.port}"

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body)
            reply = connection.getresponse()
            text = reply.read().decode()
            assert reply.status == 200, (method, path, reply.status, text)
            return text
        finally:
            connection.close()

    def replay(self, op, **more):
        return json.loads(self.request("POST", "/v1/replay", json.dumps({"op": op, **more})))

    def metrics(self):
        samples = defaultdict(float)
        for line in self.request("GET", "/metrics").splitlines():
            if line and not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                samples[key.split("{")[0]] += float(value)
        return samples

    async def play(self, subscriptions, records=None):
        """Plays the recording, or so many records of it, once there are so many subscriptions.

        At its end the server closes. Some clients then read no more, also of what has come before.
        """
        await until(
            f"{subscriptions} subscriptions",
            lambda: self.metrics()["tickcast_subscriptions"] >= subscriptions,
            self.describe,
        )
        command = {"op": "resume"} if records is None else {"op": "step", "n": records}
        await asyncio.to_thread(lambda: self.replay(**command))

    def describe(self):
        return f"there are {self.metrics()['tickcast_subscriptions']:.0f}"

    def balances(self):
        """Every tick that was offered to a subscription is accounted for."""
        samples = self.metrics()
        ends = ["delivered_total", "conflated_total", "filtered_total", "gapped_total", "discarded_total", "pending"]
        offered = samples["tickcast_updates_offered_total"]
        accounted = sum(samples[f"tickcast_updates_{end}"] for end in ends)
        assert offered == accounted, f"{offered} ticks were offered, {accounted} are accounted for"


async def until(what, probe, describe=lambda: "", deadline_s=DEADLINE_S):
    """Asks `probe` until it says yes."""
    end = time.monotonic() + deadline_s
    while not await asyncio.to_thread(probe):
        assert time.monotonic() < end, f"waited {deadline_s} s in vain for {what}: {describe()}"
        await asyncio.sleep(0.05)


CHECKS = []


def check(name):
    """Registers an async function of the recording as a check of this name."""

    def register(function):
        CHECKS.append((name, function))
        return function

    return register


def finish():
    """Runs the checks of a case, prints `N passed, M failed`, and ends."""
    recording = Recording()
    passed, failed = 0, 0
    for name, function in CHECKS:
        start = time.monotonic()
        try:
            asyncio.run(asyncio.wait_for(function(recording), 300))
        except Exception as fault:  # whatever it is, the other checks must still run
            failed += 1
            print(f"FAIL  {name}: {type(fault).__name__}: {str(fault)[:600]}", flush=True)
            traceback.print_exc(limit=-3, file=sys.stdout)
        else:
            passed += 1
            print(f"ok    {name} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    # A client may have threads that do not end.
    os._exit(0 if passed and not failed else 1)
