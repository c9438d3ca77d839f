"""`tickcast watch` and `tickcast replay` in a real pseudo-terminal: keys are sent, and what stands on the screen is read."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios

import pyte
from judge import check, until
from server import BINARY, Server

ROWS = [
    '{"symbol":"AAA-USD","last":"10.5","last_size":1,"bid":"10.4","ask":"10.6"}',
    '{"symbol":"BBB-USD","last":"300.25","last_size":1}',
    '{"symbol":"CCC-EUR","last":"20","last_size":1}',
]
ALTERNATE = ("\x1b[?1049h", "\x1b[?1049l")
CURSOR = ("\x1b[?25h", "\x1b[?25l")
# Leads a session of its own on the terminal, stops and continues with its job as a shell does, and passes the end on.
SHELL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
print(f"<pid {child}>", flush=True)
while True:
    _, status = os.waitpid(child, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        print(f"<code {os.waitstatus_to_exitcode(status)}>", flush=True)
        break
    print("<stopped>", flush=True)
    sys.stdin.readline()
    os.tcsetpgrp(0, child)
    os.killpg(child, signal.SIGCONT)
"""


class Watch:
    """A command on a terminal of its own: `async with Watch(server.ws, "*") as watch`."""

    def __init__(self, url, *args, command="watch", columns=100, lines=24, env=None):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        self.master, self.slave = pty.openpty()
        self.size(columns, lines)
        self.modes = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHELL, BINARY, command, "--url", url, *args],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "NO_COLOR": "", **(env or {})},
        )

    async def __aenter__(self):
        asyncio.get_running_loop().add_reader(self.master, self._read)
        self.pid = int((await self.seen(r"<pid (\d+)>")).group(1))
        return self

    async def __aexit__(self, *_):
        asyncio.get_running_loop().remove_reader(self.master)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.process.kill()
        await asyncio.to_thread(self.process.wait)
        os.close(self.master)
        os.close(self.slave)

    def _read(self):
        data = os.read(self.master, 1 << 16)
        self.raw += data
        self.stream.feed(data)

    def size(self, columns, lines):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def keys(self, keys):
        os.write(self.master, keys.encode())

    async def seen(self, pattern, since=0):
        async def probe():
            return re.search(pattern, self.raw[since:].decode(errors="replace"))

        return await until(f"{pattern} in {bytes(self.raw[-300:])}", probe)

    async def shows(self, *parts, without=()):
        async def probe():
            text = "\n".join(self.screen.display)
            return all(part in text for part in parts) and not any(part in text for part in without)

        try:
            await until(f"{parts} without {without}", probe, 30)
        except AssertionError as late:
            raise AssertionError(f"{late} on\n" + "\n".join(self.screen.display)) from None

    def symbols(self):
        return [line.split()[0] for line in self.screen.display if re.match(r"[A-C]{3}-", line)]

    async def ordered(self, *symbols):
        async def probe():
            return self.symbols() == list(symbols)

        await until(f"rows {symbols}, not {self.symbols()}", probe, 30)

    def restored(self):
        """Whether whoever comes behind finds the terminal as it was."""
        text = self.raw.decode(errors="replace")
        on, off = ALTERNATE
        assert text.rfind(off) > text.rfind(on) >= 0, "the alternate screen was not left"
        shown, hidden = CURSOR
        assert text.rfind(shown) > text.rfind(hidden) >= 0, "the cursor stays hidden"
        assert termios.tcgetattr(self.slave) == self.modes, "the terminal's modes are not what they were"

    async def ended(self, code):
        found = await self.seen(r"<code (-?\d+)>")
        assert int(found.group(1)) == code, found.group(0)
        self.restored()


@contextlib.asynccontextmanager
async def watching(*args, **options):
    async with Server() as server:
        await server.publish(ROWS)
        async with Watch(server.ws, *(args or ("*",)), **options) as watch:
            await watch.shows("connected", "AAA-USD", "10.5", "live")
            yield server, watch


@check("a watch in a terminal: prices move, keys sort, filter, pause and help, q leaves")
async def keys(report):
    async with watching() as (server, watch):
        await server.publish(['{"symbol":"AAA-USD","last":"11.75","last_size":1}'])
        await watch.shows("11.75", "▲")
        await watch.ordered("AAA-USD", "BBB-USD", "CCC-EUR")
        watch.keys("2")
        await watch.ordered("BBB-USD", "CCC-EUR", "AAA-USD")
        watch.keys("2")
        await watch.ordered("AAA-USD", "CCC-EUR", "BBB-USD")
        watch.keys("/eur")
        await watch.ordered("CCC-EUR")
        watch.keys("\r")
        await watch.shows("/eur  (Esc: all)")
        watch.keys("?")
        await watch.shows("filter: part of a name", "reverse")
        watch.keys("q")
        await watch.shows("CCC-EUR", without=("filter: part of a name",))
        watch.keys("p")
        await watch.shows("PAUSED")
        watch.keys("p")
        await watch.shows("CCC-EUR", without=("PAUSED",))
        watch.keys("q")
        await watch.ended(0)


@check("a watch in a terminal follows its size")
async def resize(report):
    async with watching() as (_, watch):
        for columns, lines in [(120, 40), (50, 15), (20, 5), (80, 24)]:
            watch.size(columns, lines)
            await watch.shows("AAA-USD", "SYMBOL")

            async def fills(last=lines - 1):
                return re.search(r"of 3|columns", watch.screen.display[last]) and watch.screen.display[last].strip()

            await until(f"a footing on line {lines}", fills, 30)
            if columns >= 50:
                await watch.shows("LAST", "STATE", "live", "1-3 of 3")
        watch.keys("\x03")
        await watch.ended(0)


@check("a watch in a terminal shows names with blanks and of any script, and moves no cursor for them")
async def names(report):
    async with Server("--feed", "push") as server:
        rows = ["币安人生USDT", "AAPL  250221C00250000", "SAN-I*", "A\u202eB"]
        await server.publish([json.dumps({"symbol": symbol, "last": "7.5"}) for symbol in rows])
        entries = [symbol.replace("*", "\\*") for symbol in rows]
        async with Watch(server.ws, *entries, env={"LC_ALL": "C.UTF-8"}) as watch:
            await watch.shows("AAPL  250221C00250000", "SAN-I*", "A\\u{202e}B", "1-4 of 4")

            async def aligned():
                lines = [line for line in watch.screen.display if "7.5" in line]
                # pyte shows a wide character once, in the first of its two cells.
                return len(lines) == 4 and len({line.index("7.5") + 4 * ("币安人生" in line) for line in lines}) == 1

            await until("four prices, one below the other", aligned, 30)
            watch.keys("q")
            await watch.ended(0)


@check("a watch in a terminal shows names of trades, configured fields, cancels and corrections, in every mode")
async def trades(report):
    async with Server("--feed", "push", "--field", "mark", "--field", "phase:text") as server:
        await server.publish(
            [
                '{"symbol":"AAA-USD","last":"10.5","last_size":1,"trade_id":"t1","mark":"10.25","phase":"open"}',
                '{"symbol":"AAA-USD","last":"12","last_size":1,"trade_id":"t2"}',
            ]
        )
        for mode in ("latest", "every", "trades"):
            async with Watch(server.ws, "*", "--mode", mode, columns=220) as watch:
                await watch.shows("TRADE ID", "MARK", "PHASE", "t2", "10.25", "open", "12")
                await server.publish(['{"symbol":"AAA-USD","last":"11.5","last_size":2,"trade_id":"x3"}'])
                await watch.shows("x3", "11.5")
                await server.publish(['{"symbol":"AAA-USD","correct":"x3","last":"11.75","last_size":7}'])
                await watch.shows("AAA-USD  correct x3 11.75 x 7")
                await server.publish(['{"symbol":"AAA-USD","cancel":"x3"}', '{"symbol":"AAA-USD","mark":null}'])
                await watch.shows("AAA-USD  cancel x3", "t2", without=("10.25",))
                odd = '{"symbol":"AAA-USD","last":"9","last_size":3,"trade_id":"o4","affects":["volume"],"mark":"10.25"}'
                await server.publish([odd])
                watch.keys("e")
                await watch.shows("correct x3 11.75 x 7", "cancel x3", "trade o4 9 x 3, affects volume")
                watch.keys("q")
                await watch.shows("SYMBOL", without=("affects volume",))
                watch.keys("q")
                await watch.ended(0)


@check("a watch in a terminal stops for Ctrl-Z and SIGTSTP, and goes on")
async def suspend(report):
    async with watching() as (server, watch):
        for stop in (lambda: watch.keys("\x1a"), lambda: os.kill(watch.pid, signal.SIGTSTP)):
            before = len(watch.raw)
            stop()
            await watch.seen("<stopped>", before)
            watch.restored()
            watch.keys("\n")
            await watch.shows("SYMBOL", "AAA-USD", without=("<stopped>",))
        await server.publish(['{"symbol":"AAA-USD","last":"12.25","last_size":1}'])
        await watch.shows("12.25")
        os.kill(watch.pid, signal.SIGTERM)
        await watch.ended(0)


@check("a watch in a terminal survives the server's restart, and says so meanwhile")
async def restart(report):
    async with watching() as (server, watch):
        port = server.port
        server.process.kill()
        server.process.wait()
        await watch.shows("offline", "again in")
        async with Server("--feed", "push", "--listen", f"127.0.0.1:{port}") as again:
            assert again.port == port
            await again.publish(['{"symbol":"AAA-USD","last":"77.5","last_size":1}'])
            await watch.shows("connected", "77.5", "● live")
            watch.keys("q")
            await watch.ended(0)


@check("a watch in a terminal that cannot connect gives it back and says why")
async def refused(report):
    async with Watch("ws://127.0.0.1:1/v1/stream", "A") as watch:
        await watch.ended(2)
        assert "cannot connect to 127.0.0.1:1" in "\n".join(watch.screen.display), watch.screen.display


@check("a watch in a terminal writes no colour with NO_COLOR, and little when little happens")
async def quiet(report):
    async with watching(env={"NO_COLOR": "1"}) as (server, watch):
        await server.publish(['{"symbol":"AAA-USD","last":"9.25","last_size":1}'])
        await watch.shows("9.25", "▼")
        assert not re.search(rb"\x1b\[(3[0-8]|4[0-8]|38;|48;|9[0-7])", bytes(watch.raw)), "colours"
        before = len(watch.raw)
        for price in range(20):
            await server.publish([f'{{"symbol":"AAA-USD","last":"9.{price + 30}","last_size":1}}'])
        await watch.shows("9.49")
        report.figure("20 changes of a price wrote", len(watch.raw) - before, "bytes")
        watch.keys("q")
        await watch.ended(0)


@check("a watch whose terminal takes no bytes ends all the same when it is told to")
async def stalled(report):
    async with watching() as (server, watch):
        loop = asyncio.get_running_loop()
        loop.remove_reader(watch.master)
        # Nobody reads from here on: filled to the brim, the terminal takes not one byte more.
        filler = os.open(os.ttyname(watch.slave), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(filler, b" " * 4096)
        os.close(filler)
        for price in (31, 32, 33):
            await server.publish([f'{{"symbol":"AAA-USD","last":"{price}","last_size":1}}'])

        async def level():
            metrics = await server.metrics()
            return metrics.sum("tickcast_updates_pending") == 0 and metrics.sum("tickcast_updates_offered_total") == 3

        await until("a server that has sent everything", level)
        os.kill(watch.pid, signal.SIGTERM)

        async def gone():
            return not os.path.exists(f"/proc/{watch.pid}")

        await until("an end without a reader", gone)
        loop.add_reader(watch.master, watch._read)
        await watch.seen("<code 0>")
        assert termios.tcgetattr(watch.slave) == watch.modes, "the terminal's modes are not what they were"


FIRST_S = 1742860800
RECORDS = 1_000


@contextlib.asynccontextmanager
async def replaying(*options, feeds=1, **terminal):
    """A server whose replays wait for clients: a record each 100 ms of market time, from midnight on."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "market.ndjson")
        with open(path, "w") as file:
            print('{"tickcast":"recording","version":1}', file=file)
            for number in range(RECORDS):
                time = FIRST_S * 1_000_000 + number * 100_000
                print(f'{{"symbol":"AAA","ts":{time},"rx":{time},"last":"{number + 1}","last_size":1}}', file=file)
        names = [f"&name=market-{number}" if feeds > 1 else "" for number in range(feeds)]
        sources = [arg for name in names for arg in ("--feed", f"replay:{path}?start=clients:1{name}")]
        async with Server(*sources) as server:
            async with Watch(server.http, *options, command="replay", **terminal) as view:
                yield server, view


async def state(server, query=""):
    status, _, text = await server.request("GET", f"/v1/replay{query}")
    assert status == 200, (status, text)
    return json.loads(text)


async def stands(server, **expected):
    async def probe():
        found = await state(server)
        return all(found[name] == value for name, value in expected.items())

    await until(f"a replay with {expected}", probe, 30)


@check("a replay in a terminal is held by keys: steps, seeks, speed, pause, restart, help")
async def hold(report):
    for columns, lines in [(80, 24), (120, 40)]:
        async with replaying(columns=columns, lines=lines) as (server, view):
            await view.shows("waiting for clients: 0 of 1", "record 0 of 1,000", "0%", "market.ndjson")
            view.keys("s")
            await view.shows("paused", "record 1 of 1,000", "2025-03-25T00:00:00.000000Z", without=("paused…",))
            view.keys("S")
            await view.shows("record 101 of 1,000", "2025-03-25T00:00:10.000000Z", "10%")
            view.keys("24s")
            await view.shows("record 125 of 1,000", "12%")
            # Right twice, as quickly as it goes: 20 s on. Then a minute on, and as far back.
            view.keys("\x1b[C\x1b[C")
            await view.shows("record 324 of 1,000", "00:00:32.4", "32%")
            view.keys("\x1b[1;2C")
            await view.shows("record 924 of 1,000", "92%")
            view.keys("[")
            await view.shows("record 324 of 1,000", "32%")
            view.keys("++++")
            await view.shows("20x")
            await stands(server, speed=20, paused=True, position=324)
            view.keys("-")
            await view.shows("10x")
            view.keys(" ")
            await view.shows("playing")
            await stands(server, phase="playing")
            view.keys(" ")
            await view.shows("paused", without=("paused…",))
            await stands(server, phase="paused")
            view.keys("r")
            await view.shows("record 0 of 1,000", "round 3", "0%")
            view.keys("?")
            await view.shows("begin again")
            view.keys("q")
            await view.shows("? help", without=("begin again",))
            view.keys("2000s")
            await view.shows("ended", "100%", "record 1,000 of 1,000")
            view.keys("q")
            await view.ended(0)


@check("several replays in a terminal: each has its bar, and keys mean the selected one")
async def several(report):
    async with replaying(feeds=2, columns=80) as (server, view):
        await view.shows("> market-0", "  market-1", "1 of 2")
        view.keys("\x1b[B")
        await view.shows("> market-1", "2 of 2")
        view.keys("7s")
        await view.shows("record 7 of 1,000", "record 0 of 1,000")
        assert [found["position"] for found in await state(server, "?feed=*")] == [0, 7]
        view.size(60, 10)
        await view.shows("market-0", "market-1", "record 7 of 1,000", without=("record 0 of",))
        view.keys("\x03")
        await view.ended(0)


@check("a replay in a terminal says when its server is gone, and holds the next one")
async def comes_back(report):
    async with replaying(env={"NO_COLOR": "1"}) as (server, view):
        await view.shows("record 0 of 1,000")
        server.process.kill()
        server.process.wait()
        await view.shows("cannot connect", "again in")
        view.keys("s")
        await view.shows("! there is no connection")
        source = "replay:bundled?start=paused"
        async with Server("--feed", source, "--listen", f"127.0.0.1:{server.port}") as again:
            await view.shows("connected", "of 50,000", "bundled")
            view.keys("s")
            await stands(again, position=1)
        await view.shows("again in")
        assert not re.search(rb"\x1b\[(3[0-8]|4[0-8]|38;|48;|9[0-7])", bytes(view.raw)), "colours"
        # Another server, without a replay: there is nothing left to hold.
        async with Server("--listen", f"127.0.0.1:{server.port}"):
            await view.ended(1)
            await view.seen("no_replay: no feed of this server is a replay")


@check("a replay that cannot be reached is told of in a line; on a pipe each replay is one, without escape codes")
async def lines(report):
    async with Watch("http://127.0.0.1:1", command="replay") as view:
        await view.seen("cannot connect to 127.0.0.1:1")
        await view.seen("<code 1>")
        assert b"\x1b" not in view.raw, view.raw
    async with replaying(feeds=2, env={"TERM": "dumb"}) as (server, view):
        await view.seen("market-1 waiting for clients: 0 of 1")
        await view.seen("<code 0>")
        assert b"\x1b" not in view.raw, view.raw
        run = await asyncio.to_thread(subprocess.run, [BINARY, "replay", "--url", server.http], capture_output=True)
        text = run.stdout.decode()
        assert (run.returncode, text.count("\n"), "\x1b" in text) == (0, 2, False), run
