"""A decoder of `tickcast.v1.binary`, written from docs/PROTOCOL.md alone; what a frame means is given as JSON has it.

It is not fast, and shares nothing with the decoders of the project: it is there so that the page, the server and the
other decoders can be held against one that was made without them. `Decoder.frame` reads one frame. A frame with a fault
raises `Fault`, whose word is the one that the vectors use, and leaves the decoder's table as it was.
"""

import re
from collections import Counter

KNOWN_KINDS = 4
SHORT_FIELDS = 6
MASK_BYTES = 12
REASONS = ("slow", "resume", "epoch")
SIDES = ("unknown", "buy", "sell")
AFFECTS = ("last", "high_low", "volume")
TX_UNKNOWN = 0xFFFFFF
# What `trade` of a report may have.
TRADE_FIELDS = ("last", "last_size", "side", "trade_id")


class Fault(Exception):
    """A frame that is none; its word is that of the vectors."""


def signed64(value):
    if not -(1 << 63) <= value < 1 << 63:
        raise Fault("overflow")
    return value


def decimal_text(mantissa, places):
    """The decimal with its exact digits, without trailing zeros, as JSON has it with `numbers` as `string`."""
    digits = str(abs(mantissa)).rjust(places + 1, "0")
    whole, behind = digits[: len(digits) - places], digits[len(digits) - places :].rstrip("0")
    return ("-" if mantissa < 0 else "") + whole + ("." + behind if behind else "")


class Bytes:
    """A frame, or a part of one, which is never read beyond."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def more(self):
        return self.at < len(self.data)

    def take(self, count):
        if count > len(self.data) - self.at:
            raise Fault("truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> 64:
                    raise Fault("overflow")
                return value
        raise Fault("overflow")

    def zigzag(self):
        return unzigzag(self.varint())

    def text(self):
        try:
            return self.take(self.varint()).decode()
        except UnicodeDecodeError:
            raise Fault("text") from None

    def mask(self):
        ids = []
        for first in range(0, 7 * MASK_BYTES, 7):
            byte = self.byte()
            ids += [first + bit for bit in range(7) if byte >> bit & 1]
            if byte < 0x80:
                return ids
        raise Fault("overflow")


def unzigzag(value):
    return value >> 1 if value & 1 == 0 else -(value >> 1) - 1


def own_decimal(data):
    """A decimal with places of its own."""
    head = data.byte()
    places = head & 0x1F
    if places == 31:
        text = data.text()
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
            raise Fault("value")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if places > 18:
        raise Fault("value")
    return decimal_text(int.from_bytes(data.take((head >> 5) + 1), "little", signed=True), places)


class Scale:
    """How the prices and sizes of one body are written."""

    def __init__(self, places, reference=0, spread=0):
        self.own = places == 0xFF
        self.prices, self.sizes = places & 0x0F, places >> 4
        if not self.own and max(self.prices, self.sizes) > 14:
            raise Fault("value")
        self.base, self.spread, self.first = reference, spread, True

    def price(self, data, is_ask):
        if self.own:
            return own_decimal(data)
        bare = signed64(self.base + data.zigzag())
        if self.first:
            self.base, self.first = bare, False
        return decimal_text(signed64(bare + (self.spread if is_ask else 0)), self.prices)

    def size(self, data):
        if self.own:
            return own_decimal(data)
        return decimal_text(signed64(data.varint()), self.sizes)


class Decoder:
    """What one connection has told: the fields, and what each number stands for."""

    def __init__(self, origin, fields=(), tx=False):
        self.origin, self.tx = origin, tx
        self.fields, self.symbols = {}, {}
        # How often each part of the format was read: a check can tell whether it has seen what it is about.
        self.seen = Counter()
        self.learn(fields)

    def learn(self, fields):
        """The `fields` of a `subscribed`."""
        self.fields.update({field["id"]: (field["name"], field["kind"]) for field in fields})

    def frame(self, frame):
        """The messages of a frame; with `tx`, a `sent` is the first of them, when the frame has one."""
        data, before, messages = Bytes(frame), dict(self.symbols), []
        self.rx, self.lag, self.newest = self.origin, 0, None
        try:
            after = int.from_bytes(data.take(3), "little") if self.tx else TX_UNKNOWN
            while data.more():
                self.message(data, messages)
        except Fault:
            self.symbols = before
            raise
        if after != TX_UNKNOWN and self.newest is not None:
            messages.insert(0, {"type": "sent", "ts": self.newest + after})
        return messages

    def message(self, data, messages):
        head = data.byte()
        if head < 0x80:
            mask = [bit for bit in range(SHORT_FIELDS) if head >> bit & 1]
            if not mask:
                raise Fault("unknown_flags")
            self.seen["short"] += 1
            number = data.varint()
            message = {"type": "update", "symbol": self.symbol(number)[0], "seq": data.varint()}
            self.counted(data, head, message)
            self.times(data, message)
            self.values(data, mask, self.scale(number), message)
            messages.append(message)
            return
        kind = head & 0x0F
        self.seen[kind] += 1
        if kind >= KNOWN_KINDS:
            data.take(data.varint())
            return
        if head & 0x40 and kind != 0:
            raise Fault("unknown_flags")
        number = data.varint()
        if head & 0x10:
            self.seen["introduction"] += 1
            self.introduce(data, number)
        about = {"symbol": self.symbol(number)[0]}
        if head & 0x20:
            about["as"] = data.text()
        if kind == 0:
            message = {"type": "update", **about, "seq": data.varint()}
            self.counted(data, head, message)
            self.tick(data, number, message)
            messages.append(message)
        elif kind == 1:
            message = {"type": "snapshot", **about, "seq": data.varint()}
            self.tick(data, number, message)
            messages.append(message)
        elif kind == 2:
            first, count = data.varint(), data.varint()
            if count == 0:
                raise Fault("value")
            self.seen["run"] += count > 1
            for index in range(count):
                if first + index >> 64:
                    raise Fault("overflow")
                message = {"type": "update", **about, "seq": first + index}
                self.tick(data, number, message)
                messages.append(message)
        else:
            message = {"type": "gap", **about, "from": data.varint(), "to": data.varint()}
            reason = data.byte()
            if reason >= len(REASONS):
                raise Fault("value")
            messages.append({**message, "reason": REASONS[reason]})

    def introduce(self, data, number):
        symbol, places = data.text(), data.byte()
        reference = None
        if places != 0xFF:
            reference = (places, signed64(data.zigzag()), signed64(data.zigzag()))
            Scale(places)
        self.symbols[number] = (symbol, reference)

    def symbol(self, number):
        if number not in self.symbols:
            raise Fault("unknown_number")
        return self.symbols[number]

    def scale(self, number):
        reference = self.symbols[number][1]
        return None if reference is None else Scale(*reference)

    def counted(self, data, head, message):
        if head & 0x40:
            n = data.varint()
            if n == 0:
                raise Fault("value")
            if n != 1:
                message["n"] = n

    def times(self, data, message):
        t = data.varint()
        if t & 1:
            self.rx = signed64(self.rx + data.zigzag())
        self.lag = signed64(self.lag + unzigzag(t >> 1))
        message.update(ts=signed64(self.rx - self.lag), rx=self.rx)
        self.newest = self.rx if self.newest is None else max(self.newest, self.rx)

    def tick(self, data, number, message):
        """Times and body."""
        self.times(data, message)
        head = data.byte()
        if head < 0x80:
            self.values(data, [bit for bit in range(7) if head >> bit & 1], self.scale(number), message)
            return
        if head & 0x78:
            raise Fault("unknown_flags")
        mask = data.mask()
        withdrawn = data.mask() if head & 1 else []
        self.seen["withdrawn"] += len(withdrawn)
        self.seen["places"] += head >> 2 & 1
        if head & 2:
            self.seen["report"] += 1
            self.report(Bytes(data.take(data.varint())), message)
        scale = Scale(data.byte()) if head & 4 else self.scale(number)
        self.values(data, mask, scale, message)
        for id in withdrawn:
            message[self.field(id)[0]] = None

    def field(self, id):
        if id not in self.fields:
            raise Fault("unknown_field")
        return self.fields[id]

    def values(self, data, mask, scale, message):
        for id in mask:
            name, kind = self.field(id)
            if kind in ("price", "size") and scale is None:
                raise Fault("value")
            if kind == "price":
                message[name] = scale.price(data, name == "ask")
            elif kind == "size":
                message[name] = scale.size(data)
            elif kind == "count":
                message[name] = data.varint()
            elif kind == "side":
                side = data.byte()
                if side >= len(SIDES):
                    raise Fault("value")
                message[name] = SIDES[side]
            elif kind == "text":
                message[name] = data.text()
            elif kind == "integer":
                message[name] = str(data.zigzag())
            elif kind == "decimal":
                message[name] = own_decimal(data)
            else:
                data.take(data.varint())

    def report(self, data, message):
        flags = data.byte()
        if flags & 0xF0:
            raise Fault("unknown_flags")
        if flags & 1:
            message["cancel"] = data.text()
        if flags & 2:
            message["correct"] = data.text()
        trade = {}
        if flags & 4:
            mask = data.mask()
            has_decimals = {"last", "last_size"} & {self.field(id)[0] for id in mask}
            told = {}
            self.values(data, mask, Scale(data.byte()) if has_decimals else None, told)
            trade = {name: told[name] for name in TRADE_FIELDS if name in told}
        if flags & 8:
            affects = data.byte()
            if affects & ~7:
                raise Fault("unknown_flags")
            trade["affects"] = [word for bit, word in enumerate(AFFECTS) if affects >> bit & 1]
        if flags & 12:
            message["trade"] = trade
