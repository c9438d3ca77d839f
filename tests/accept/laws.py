"""What a client holds, and the laws that each message must keep. Written apart from the integration suite's."""

import json
import time

FIELDS = {
    "bid", "bid_size", "ask", "ask_size", "last", "last_size", "side", "trade_id", "open", "high", "low", "volume", "trades",
}  # fmt: skip
DATA_FRAME_BYTES_MAX = 16 * 1024


class Held:
    def __init__(self):
        self.cursor, self.record, self.updates, self.ticks, self.snapshots = None, {}, 0, 0, 0


class Store:
    """Feeds on frames. Numbers stay the text that stood on the wire."""

    def __init__(self, keep_ages=False):
        self.held, self.gaps, self.others, self.bytes, self.frames = {}, [], [], 0, 0
        self.ages_us = [] if keep_ages else None

    def frame(self, text):
        """Applies one frame and returns its messages."""
        messages = json.loads(text, parse_float=str)
        assert isinstance(messages, list) and messages, f"a frame is a JSON array: {text[:200]}"
        self.bytes += len(text)
        self.frames += 1
        data = False
        for message in messages:
            kind = message["type"]
            if kind in ("update", "snapshot", "gap"):
                data = True
                self.data(kind, message)
            else:
                self.others.append(message)
        assert not data or len(text) <= DATA_FRAME_BYTES_MAX, f"a data frame of {len(text)} bytes"
        return messages

    def data(self, kind, message):
        held = self.held.get(message["symbol"])
        if held is None:
            held = self.held[message["symbol"]] = Held()
        if kind == "gap":
            assert held.cursor is None or message["from"] == held.cursor + 1, f"law 4: {held.cursor}, {message}"
            assert message["from"] <= message["to"], message
            self.gaps.append(message)
            held.cursor = message["to"]
            return
        seq = message["seq"]
        record = {name: str(value) for name, value in message.items() if name in FIELDS and value is not None}
        withdrawn = {name for name, value in message.items() if name in FIELDS and value is None}
        if kind == "snapshot":
            assert not withdrawn, f"a snapshot leaves out what is withdrawn: {message}"
            assert held.cursor is None or seq in (held.cursor, held.cursor + 1), f"law 4: {held.cursor}, {message}"
            held.record = record
            held.snapshots += 1
        else:
            n = message.get("n", 1)
            assert held.cursor is None or seq == held.cursor + n, f"law 4: {held.cursor} + {n} is not {seq}: {message}"
            held.record.update(record)
            for name in withdrawn:
                held.record.pop(name, None)
            held.updates += 1
            held.ticks += n
            if self.ages_us is not None:
                self.ages_us.append(time.time_ns() // 1000 - message["rx"])
        held.cursor = seq


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
