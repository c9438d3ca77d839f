"""A hundred replays of their own at once, through small windows: each the bytes of one alone, and what one costs in memory."""

import asyncio
import hashlib
import json
import socket
import urllib.parse

from judge import check, until
from server import Server

REPLAYS = 100
WINDOW_BYTES = 4 * 1024
BYTES_MAX = 5 * 1024 * 1024
OPTIONS = {"exchange": "binance", "from": "2025-03-25", "to": "2025-03-26", "dataTypes": ["trade", "book_ticker"]}
PATH = "/ws-replay-normalized?options=" + urllib.parse.quote(json.dumps(OPTIONS))


async def connect(server):
    """A WebSocket whose kernel takes few bytes ahead of its reader, behind the answer to its upgrade."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
    plain.connect(("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=64 * 1024)
    writer.write(
        f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), head
    return reader, writer


async def digest(reader, writer):
    """The hash of every text frame, header and payload; pings are left out. And their number."""
    seen, frames = hashlib.sha256(), 0
    while True:
        header = await reader.readexactly(2)
        kind, length = header[0], header[1]
        if length == 126:
            more = await reader.readexactly(2)
            length = int.from_bytes(more, "big")
        payload = await reader.readexactly(length)
        if kind == 0x81:
            seen.update(header + payload)
            frames += 1
        elif kind == 0x88:
            assert payload == b"\x03\xe8WS replay-normalized finished", payload
            writer.close()
            return seen.hexdigest(), frames
        else:
            assert kind == 0x89, kind


@check("100 replays of their own at once")
async def replays(report):
    async with Server("--set", "limits.progress_ms=600000") as server:
        alone = await digest(*await connect(server))
        assert alone[1] == 50_000, alone
        before = server.rss_bytes()
        clients = [await connect(server) for _ in range(REPLAYS)]
        await until("all replays", lambda: shows(server, REPLAYS))
        # Each has been given what it takes: nothing moves any more.
        last = [-1, 0]
        await until("a halt", lambda: halts(server, last))
        each = (server.rss_bytes() - before) / REPLAYS
        report.figure("memory of a replay that is not read", f"{each / 1024 / 1024:.2f}", "MB (goal 5)")
        start, cpu = asyncio.get_running_loop().time(), server.cpu_seconds()
        found = await asyncio.gather(*(digest(*client) for client in clients))
        took = asyncio.get_running_loop().time() - start
        each = max(each, (server.rss_bytes() - before) / REPLAYS)
        report.figure("messages a second, all together", f"{REPLAYS * alone[1] / took:,.0f}", "")
        report.figure("CPU of a message", f"{(server.cpu_seconds() - cpu) / REPLAYS / alone[1] * 1e6:.2f}", "us")
        assert set(found) == {alone}, f"{sum(one != alone for one in found)} of {REPLAYS} differ from one alone"
        assert each <= BYTES_MAX, f"{each} bytes"


async def shows(server, count):
    return (await server.metrics()).sum("tickcast_replays") == count


async def halts(server, last):
    last[:] = [last[1], (await server.metrics()).sum("tickcast_replay_bytes_total")]
    return last[0] == last[1]
