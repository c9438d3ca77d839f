"""Event streams as a browser's `EventSource` meets them: it comes back by itself, and nothing is lost in silence."""

import asyncio
import os
import signal

from judge import check
from server import Server

HERE = os.path.dirname(os.path.abspath(__file__))
SYMBOLS = ("A", "B")


class Source:
    """The npm package `eventsource`, and what it has told."""

    async def start(self, url, count):
        env = {**os.environ, "NODE_PATH": os.path.join(os.environ["ACCEPT_NODE"], "node_modules")}
        self.process = await asyncio.create_subprocess_exec(
            "node", "--no-warnings", os.path.join(HERE, "client_events.cjs"), url, str(count),
            env=env, stdout=-1, stderr=-1,
        )  # fmt: skip
        self.lines = []
        return self

    async def until(self, *lines):
        """Reads on until it tells one of these."""
        while not any(line in self.lines[-1:] for line in lines):
            told = await asyncio.wait_for(self.process.stdout.readline(), 60)
            assert told, (lines, self.lines, await self.process.stderr.read())
            self.lines.append(told.decode().strip())

    def end(self):
        if self.process.returncode is None:
            self.process.kill()


class Cut:
    """A way to the server that can be cut."""

    def __init__(self, server):
        self.server, self.writers = server, []

    async def __aenter__(self):
        self.listener = await asyncio.start_server(self.pass_on, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.listener.close()
        self.cut()

    async def pass_on(self, reader, writer):
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        self.writers += [writer, up_writer]

        async def copy(source, sink):
            try:
                while more := await source.read(65536):
                    sink.write(more)
                    await sink.drain()
            except OSError:
                pass
            sink.close()

        await asyncio.gather(copy(reader, up_writer), copy(up_reader, writer))

    def cut(self):
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()


def lines(begin, end):
    return [f'{{"symbol":"{symbol}","bid":{seq}}}' for seq in range(begin, end) for symbol in SYMBOLS]


@check("EventSource: comes back exactly where it was cut off, and is told what is gone")
async def comes_back(report):
    async with Server("--set", "limits.ring_ticks=100") as server, Cut(server) as way:
        await server.publish(lines(1, 2))
        url = f"http://127.0.0.1:{way.port}/v1/sse?symbols=A,B&mode=every"
        source = await Source().start(url, 10_000)
        try:
            await source.until("snapshot B 1 1")
            for round in range(1, 4):
                begin = round * 20
                await server.publish(lines(begin - 18 if round == 1 else begin - 19, begin + 1))
                await source.until(f"update B {begin} 1")
                way.cut()
            # While it was away.
            await server.publish(lines(61, 91))
            await source.until("update B 90 1")
            for symbol in SYMBOLS:
                told = [line for line in source.lines if f" {symbol} " in line]
                expected = [f"snapshot {symbol} 1 1"] + [f"update {symbol} {seq} 1" for seq in range(2, 91)]
                assert told == expected, told
            assert source.lines.count("open") >= 4, source.lines
            # More than the ring holds.
            way.cut()
            await server.publish(lines(91, 300))
            await source.until("snapshot B 299 1")
            for symbol in SYMBOLS:
                told = [line for line in source.lines if f" {symbol} " in line]
                assert told[-2:] == [f"gap {symbol} 1 299 resume", f"snapshot {symbol} 299 1"], told[-4:]
        finally:
            source.end()


@check("EventSource: comes back from a drain, to the next server")
async def comes_back_from_a_drain(report):
    first = Server()
    await first.publish(lines(1, 4))
    source = await Source().start(f"{first.http}/v1/sse?symbols=A,B&mode=every", 10_000)
    try:
        await source.until("snapshot B 3 1")
        first.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(first.process.wait, 60)
        async with Server("--listen", f"127.0.0.1:{first.port}") as second:
            await second.publish(lines(1, 3))
            # As it comes before the ticks, or behind them.
            await source.until("update B 2 1", "snapshot B 2 1")
            assert source.process.returncode is None and source.lines.count("open") >= 2, source.lines
    finally:
        source.end()
        first.process.kill()
