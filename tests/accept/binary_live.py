"""`tickcast.v1.binary` by a decoder that was written from docs/PROTOCOL.md alone: the vectors, and a live server.

A session in binary and one in JSON are subscribed to the same symbols. Each mode conflates the two differently, so what
is compared is what each holds after a tick: two that have a message with one `seq` hold the same record there, with the
same times, and were told the same of that tick's trade. In mode `every` each tick is a message of its own in both.
"""

import asyncio
import contextlib
import json
import pathlib
import random
import time
from collections import Counter

import websockets
from binary import Decoder, Fault
from judge import check
from server import Server

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "vectors"
FIELDS = ("mark:decimal:last:B*", "turnover:decimal:sum", "open_interest:integer", "phase:text", "low_mark:decimal:min")
# What of a message is not a value of the record, and what is of its newest tick alone.
FRAME = ("type", "as", "symbol", "seq", "n", "ts", "rx")
TOLD = ("trade", "cancel", "correct")
SYMBOLS = ["AAPL", "BTC-PERP", "BRN FMJ0024!", "币安人生USDT", "SPX 250221C05900000"]


def differences(vectors):
    """What of one file of vectors is read differently than it says."""
    decoder, found = Decoder(vectors["origin"], vectors["fields"], vectors.get("tx", False)), []
    for index, frame in enumerate(vectors["frames"]):
        try:
            read = decoder.frame(bytes.fromhex(frame["hex"]))
        except Fault as fault:
            read = str(fault)
        sent = read[0]["ts"] if isinstance(read, list) and read and read[0]["type"] == "sent" else None
        if sent is not None:
            del read[0]
            if sent != max(message["rx"] for message in read if "rx" in message) + frame["tx"]:
                found.append((index, sent))
        if read != frame.get("messages", frame.get("error")):
            found.append((index, read))
    return found


@check("binary: every vector is read as it says, and broken ones are not")
async def vectors(report):
    files = sorted(VECTORS.glob("*.json"))
    assert files, f"no vectors in {VECTORS}"
    frames = 0
    for path in files:
        file = json.loads(path.read_text())
        assert differences(file) == [], path.name
        frames += len(file["frames"])
        # A comparison that cannot fail proves nothing: each file with one value changed is noticed.
        for frame in file["frames"]:
            if frame.get("messages"):
                frame["messages"][0]["symbol"] += "x"
                break
        assert differences(file) != [], f"{path.name} with another symbol passed"
    report.figure("frames of vectors", frames)


def exact(text):
    """Cut to the 18 significant digits that a decimal may have."""
    while len(text.replace("-", "").replace(".", "").lstrip("0")) > 18:
        text = text[:-1]
    return text.rstrip(".")


class Ticks:
    """Ticks of all that a record can have, from one seed."""

    def __init__(self, seed, symbols=SYMBOLS, configured=False):
        self.random, self.symbols, self.has_configured = random.Random(seed), symbols, configured
        self.seq, self.traded = Counter(), 0
        self.known = {symbol: [] for symbol in symbols}

    def price(self, digits=2):
        return exact(f"{self.random.randint(-50, 900_000)}.{self.random.randrange(10**digits):0{digits}}")

    def quote(self):
        rnd, fields = self.random, {}
        for side in rnd.sample(["bid", "ask"], rnd.choice([1, 2])):
            gone = rnd.random() < 0.1
            fields[side] = None if gone else self.price(rnd.choice([1, 2, 2, 9, 17]))
            fields[side + "_size"] = None if gone else exact(f"{rnd.randrange(10**9)}.{rnd.randrange(1000)}")
        return fields

    def trade(self, symbol):
        rnd = self.random
        fields = {"last": self.price(), "last_size": f"{rnd.randint(1, 5000)}.{rnd.randrange(100):02}"}
        if rnd.random() < 0.7:
            fields["side"] = rnd.choice(["buy", "sell", "unknown"])
        if rnd.random() < 0.8:
            self.traded += 1
            fields["trade_id"] = f"T{self.traded}é"
            self.known[symbol].append(fields["trade_id"])
        if rnd.random() < 0.3:
            fields["affects"] = rnd.sample(["last", "high_low", "volume"], rnd.randrange(3))
        return fields

    def configured(self, symbol):
        rnd = self.random
        fields = {
            "turnover": self.price(6),
            "open_interest": rnd.choice([None, rnd.randrange(-(2**63), 2**63), 7]),
            "phase": rnd.choice(["open", "post-only é\"\\", "休市", None]),
            "low_mark": self.price(3),
        }
        if symbol.startswith("B"):
            fields["mark"] = rnd.choice([None, self.price(10)])
        return {name: fields[name] for name in rnd.sample(sorted(fields), rnd.randint(1, len(fields)))}

    def report(self, symbol):
        name = self.known[symbol].pop(self.random.randrange(len(self.known[symbol])))
        if self.random.random() < 0.5:
            return {"cancel": name}
        self.known[symbol].append(name)
        return {"correct": name, "last": self.price(), "last_size": self.random.randint(1, 90)}

    def line(self, symbol):
        self.seq[symbol] += 1
        choice = self.random.random()
        if self.seq[symbol] == 1:
            # A quote with two sides, from which the symbol's reference and its spread follow.
            fields = {"bid": "187.41", "bid_size": 2, "ask": "187.46", "ask_size": "3.5"}
        elif choice < 0.1 and self.known[symbol]:
            fields = self.report(symbol)
        elif choice < 0.4:
            fields = self.trade(symbol)
        elif choice < 0.6 and self.has_configured:
            fields = self.configured(symbol)
        elif choice < 0.65:
            fields = dict.fromkeys(["volume", "open", "high", "low", "trades"])
        else:
            fields = self.quote()
        return json.dumps({"symbol": symbol, **fields})

    def lines(self, count):
        return [self.line(self.random.choice(self.symbols)) for _ in range(count)]


class Session:
    """One session, in binary or in JSON: what it was told of each tick, and what it then held."""

    def __init__(self, binary, tx=False):
        self.binary, self.tx, self.decoder = binary, tx, None
        self.cursor, self.record, self.at, self.messages, self.others, self.frames = {}, {}, {}, [], [], 0
        self.last_sent = None

    def connect(self, server, query=""):
        query += "&tx=true" if self.tx else ""
        protocol = "tickcast.v1.binary" if self.binary else "tickcast.v1.json"
        return websockets.connect(f"{server.ws}?{query}", subprotocols=[protocol])

    def read(self, frame):
        """Applies one frame; returns its messages."""
        if isinstance(frame, bytes):
            assert self.binary, "a session in JSON is sent no binary frame"
            messages = self.decoder.frame(frame)
            assert messages or not frame, "a frame of data has messages"
        else:
            messages = json.loads(frame)
            data = [message for message in messages if message["type"] in ("snapshot", "update", "gap")]
            assert not (self.binary and data), f"data in a text frame: {frame[:200]}"
            if messages[0]["type"] == "welcome":
                self.epoch = messages[0]["epoch"]
                # A new connection: nothing that an earlier one told holds.
                self.decoder = self.binary and Decoder(messages[0]["origin"], tx=self.tx)
            elif messages[0]["type"] == "subscribed" and self.binary:
                self.decoder.learn(messages[0]["fields"])
        self.frames += any(message["type"] in ("snapshot", "update", "gap") for message in messages)
        for message in messages:
            self.message(message)
        return messages

    def message(self, message):
        kind = message["type"]
        if kind == "sent":
            self.last_sent = message["ts"]
        if kind not in ("snapshot", "update", "gap"):
            self.others.append(message)
            return
        self.messages.append(message)
        place = (message.get("as"), message["symbol"])
        if kind == "gap":
            assert message["from"] == self.cursor.get(place, 0) + 1 or message["reason"] == "epoch", message
            self.cursor[place] = message["to"]
            return
        if self.tx:
            assert message["rx"] <= self.last_sent <= time.time_ns() // 1000 + 1_000_000, (message, self.last_sent)
        values = {name: value for name, value in message.items() if name not in (*FRAME, *TOLD)}
        if kind == "snapshot":
            assert None not in values.values(), f"a snapshot leaves out what is withdrawn: {message}"
            self.record[place] = values
        else:
            seq = self.cursor.get(place, 0) + message.get("n", 1)
            assert message["seq"] == seq, f"law 4: {message['seq']} is not {seq}: {message}"
            self.record.setdefault(place, {}).update(values)
        held = {name: value for name, value in self.record[place].items() if value is not None}
        told = {name: message[name] for name in TOLD if name in message}
        self.cursor[place] = message["seq"]
        self.at[(*place, message["seq"])] = (held, (message["ts"], message["rx"]), told, kind)

    def last(self):
        """The cursors, as `resume` wants them."""
        return {symbol: seq for (name, symbol), seq in self.cursor.items() if name is None}

    def reached(self, seq):
        """Whether every subscription without a name stands at the `seq` of its symbol."""
        return self.last() == dict(seq)

    async def until(self, ws, seq):
        async with asyncio.timeout(60):
            while not self.reached(seq):
                self.read(await ws.recv())

    async def ask(self, ws, **command):
        await ws.send(json.dumps(command))
        async with asyncio.timeout(60):
            while True:
                for message in self.read(await ws.recv()):
                    if message.get("id") == command["id"]:
                        return message


def compare(binary, other):
    """Every value that both were sent; returns at how many ticks both stood."""
    both = [place for place in binary.at if place in other.at]
    for place in both:
        (held, times, told, kind), (other_held, other_times, other_told, other_kind) = binary.at[place], other.at[place]
        assert held == other_held, f"{place}: {held} in binary, {other_held} in JSON"
        assert times == other_times, f"{place}: {times} in binary, {other_times} in JSON"
        assert told == other_told or "snapshot" in (kind, other_kind), f"{place}: {told} in binary, {other_told} in JSON"
    return len(both)


async def connected(stack, server, sessions, query):
    """A socket for each session, whose `welcome` has been read."""
    sockets = [await stack.enter_async_context(session.connect(server, query)) for session in sessions]
    for ws, session in zip(sockets, sessions):
        assert session.read(await ws.recv())[0]["type"] == "welcome"
    return sockets


def same_messages(ours, theirs):
    """In mode `every` both are sent the same messages of each symbol."""
    for symbol in SYMBOLS:
        pairs = [[message for message in session.messages if message["symbol"] == symbol] for session in (ours, theirs)]
        for binary, plain in zip(*pairs):
            assert binary == plain, f"{binary} in binary, {plain} in JSON"
        assert len(pairs[0]) == len(pairs[1]), f"{symbol}: {len(pairs[0])} messages in binary, {len(pairs[1])} in JSON"


for mode, batch, need in [("latest", 20, 0.05), ("every", 50, 1), ("trades", 20, 0.3)]:

    @check(f"binary: mode {mode}, each value beside JSON's, with and without tx")
    async def beside(report, mode=mode, batch=batch, need=need):
        ticks, options = 3_000, [part for field in FIELDS for part in ("--field", field)]
        sessions = [Session(binary, tx) for binary in (True, False) for tx in (False, True)]
        async with Server(*options) as server, contextlib.AsyncExitStack() as stack:
            market = Ticks(f"of mode {mode}", configured=True)
            sockets = await connected(stack, server, sessions, f"symbols=*&mode={mode}&numbers=string")
            for _ in range(ticks // batch):
                await server.publish(market.lines(batch))
                for ws, session in zip(sockets, sessions):
                    await session.until(ws, market.seq)
        binary, binary_tx, plain, plain_tx = sessions
        common = [compare(binary, plain), compare(binary_tx, plain), compare(binary, plain_tx)]
        assert min(common) >= ticks * need, f"compared at {common} of {ticks} ticks: too few to say anything"
        if mode == "every":
            same_messages(binary, plain)
            same_messages(binary_tx, plain_tx)
        told = Counter(name for _, _, of_tick, _ in binary.at.values() for name in of_tick)
        assert told["cancel"] and told["correct"] and (told["trade"] > told["correct"]), told
        for part in ("short", 0, "introduction", "withdrawn", "report", "places"):
            assert binary.decoder.seen[part], f"no {part} among what was read: {binary.decoder.seen}"
        report.figure("ticks at which both sessions stood", common)
        report.figure("what was read", dict(binary.decoder.seen))


@check("binary: names, chosen fields, set, runs, acks and unsubscribe, beside JSON")
async def commands(report):
    sessions = [Session(True), Session(False)]
    async with Server() as server, contextlib.AsyncExitStack() as stack:
        market = Ticks("of commands", SYMBOLS[:2])
        await server.publish(market.lines(50))
        sockets = await connected(stack, server, sessions, "")
        for ws, session in zip(sockets, sessions):
            await session.ask(ws, op="subscribe", id=1, symbols=["*"], numbers="string")
            tape = {"symbols": [SYMBOLS[0]], "as": "tape", "mode": "every", "numbers": "string"}
            await session.ask(ws, op="subscribe", id=2, fields=["bid", "last", "trade_id"], **tape)
        for step in range(20):
            await server.publish(market.lines(100))
            for ws, session in zip(sockets, sessions):
                await session.until(ws, market.seq)
                await ws.send(json.dumps({"op": "ack", "seen": session.frames}))
                if step == 10:
                    answer = await session.ask(ws, op="ack", id=3, seen=session.frames + 1000)
                    assert (answer["type"], answer["code"]) == ("error", "bad_value"), answer
                    await session.ask(ws, op="set", id=4, symbols=SYMBOLS[:2], mode="every")
        for ws, session in zip(sockets, sessions):
            await session.ask(ws, op="unsubscribe", id=5, symbols=["*"])
            await session.ask(ws, op="unsubscribe", id=6, symbols=[SYMBOLS[0]], **{"as": "tape"})
            held = len(session.messages)
            await server.publish(market.lines(20))
            await session.ask(ws, op="ping", id=7)
            assert len(session.messages) == held, "nothing comes after `unsubscribed`"
    binary, plain = sessions
    ours, theirs = ([other for other in session.others if "id" in other] for session in sessions)
    assert [uncommon(other) for other in ours] == [uncommon(other) for other in theirs], (ours, theirs)
    assert compare(binary, plain) > 1_000, "too few ticks in common"
    of_tape = [[message for message in session.messages if message.get("as") == "tape"] for session in sessions]
    # The last ones may be under way: a tape that has none of its fields in the newest ticks is behind them.
    both = list(zip(*of_tape))
    assert len(both) > 500 and all(binary == plain for binary, plain in both), "a tape is the same in both"
    assert set().union(*of_tape[0]) <= {*FRAME, *TOLD, "bid", "last", "trade_id"}, "no field that was not asked for"
    assert binary.decoder.seen["run"], f"no run among what was read: {binary.decoder.seen}"
    report.figure("what was read", dict(binary.decoder.seen))


def uncommon(message):
    """A control message without what differs between the encodings and from one moment to the next."""
    return {name: value for name, value in message.items() if name not in ("fields", "ts", "message")}


@check("binary: resume, and each reason of a gap, beside JSON")
async def resume(report):
    sessions = [Session(True), Session(False)]
    async with Server("--set", "limits.ring_ticks=64") as server:
        market = Ticks("of resume", SYMBOLS[:2])
        await server.publish(market.lines(50))
        for session in sessions:
            async with session.connect(server, "symbols=*&mode=every&numbers=string") as ws:
                await session.until(ws, market.seq)
        cases = [(0, "resumed", []), (40, "resumed", []), (300, "gap", ["resume"] * 2), (5, "gap", ["epoch"] * 2)]
        for missed, status, reasons in cases:
            await server.publish(market.lines(missed))
            for session in sessions:
                last = {"epoch": "other" if "epoch" in reasons else session.epoch, "last": dict(session.last())}
                before = len(session.messages)
                async with session.connect(server) as ws:
                    command = {"symbols": SYMBOLS[:2], "mode": "every", "numbers": "string", "resume": last}
                    answer = await session.ask(ws, op="subscribe", id=missed, **command)
                    assert [result["status"] for result in answer["results"]] == [status] * 2, answer
                    await session.until(ws, market.seq)
                gaps = [message["reason"] for message in session.messages[before:] if message["type"] == "gap"]
                assert gaps == reasons, (gaps, reasons)
        same_messages(*sessions)


@check("binary: a client that acks nothing more is behind, told so, and catches up, beside JSON")
async def withheld(report):
    sessions = [Session(True), Session(False)]
    async with Server("--set", "limits.ring_ticks=64") as server, contextlib.AsyncExitStack() as stack:
        market = Ticks("of acks", SYMBOLS[:2])
        sockets = await connected(stack, server, sessions, "symbols=*&mode=every&numbers=string")
        for ws, session in zip(sockets, sessions):
            await ws.send(json.dumps({"op": "ack", "seen": 0}))
            await session.ask(ws, op="ping", id=1)
        for _ in range(40):
            await server.publish(market.lines(200))
        for ws, session in zip(sockets, sessions):
            async with asyncio.timeout(60):
                while not session.reached(market.seq):
                    session.read(await ws.recv())
                    await ws.send(json.dumps({"op": "ack", "seen": session.frames}))
            gaps = {message["reason"] for message in session.messages if message["type"] == "gap"}
            assert gaps == {"slow"}, gaps
        compare(*sessions)
        report.figure("messages of 8,000 ticks", [len(session.messages) for session in sessions])
