"""Clients that read more slowly than the market ticks, through nginx and HAProxy as they are installed, and in Python.

Megabytes fit between a server's socket and such a reader. Prices must be new all the same: what a client has not read
is not sent to it.
"""

import asyncio
import contextlib
import pathlib
import socket
import subprocess
import tempfile
import time

import websockets
from bare import Bare
from judge import check, until
from laws import Store, percentile
from market import Market
from server import Feeder, Server

READ_BYTES_PER_S, SECONDS, SETTLED_S, TICKS_PER_S = 40_000, 11, 5, 2_000
# Each ticks every 25 ms or so: with rare ticks the age would be that of the market, and not of the path to the client.
SYMBOLS = 50
FRAMES_PER_S, PYTHON_TICKS_PER_S = 20, 5_000
# Without the window these clients see prices that are as old as the test is long.
LIMIT_MS = 1_000
STEP_S = 0.025

NGINX = """daemon off; pid {directory}/pid; error_log stderr; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
  uwsgi_temp_path {directory}; scgi_temp_path {directory};
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
    }}
  }}
}}
"""
HAPROXY = """defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend in
  bind 127.0.0.1:{port}
  default_backend out
backend out
  server tickcast 127.0.0.1:{upstream}
"""
PROXIES = {"nginx": (NGINX, ["nginx", "-e", "stderr", "-c"]), "HAProxy": (HAPROXY, ["haproxy", "-q", "-db", "-f"])}


class Behind:
    """A proxy in the place of the server, for a client."""

    def __init__(self, port):
        self.port, self.ws = port, f"ws://127.0.0.1:{port}/v1/stream"


@contextlib.asynccontextmanager
async def behind(name, server):
    text, command = PROXIES[name]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "conf")
        path.write_text(text.format(directory=directory, port=port, upstream=server.port))
        process = subprocess.Popen([*command, str(path)], stdin=subprocess.DEVNULL)
        try:

            async def accepts():
                assert process.poll() is None, f"{name} ended"
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    return True

            await until(f"{name} to accept", accepts)
            yield Behind(port)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)


class Ages(Store):
    """When each update was read, and how old it was then."""

    def __init__(self):
        super().__init__(keep_ages=True)
        self.begun, self.settled = time.monotonic(), None

    def frame(self, text):
        if self.settled is None and time.monotonic() - self.begun > SETTLED_S:
            self.settled = len(self.ages_us)
        return super().frame(text)

    def p99_ms(self):
        ages = self.ages_us[self.settled :]
        assert len(ages) > 100, f"{len(ages)} updates"
        return percentile(ages, 0.99) / 1000


def drink(client, store, seconds):
    """Reads by the clock, no more bytes than have become due."""
    start, taken = time.monotonic(), 0
    while (passed := time.monotonic() - start) < seconds:
        due = int(passed * READ_BYTES_PER_S) - taken
        if due < READ_BYTES_PER_S * STEP_S:
            time.sleep(STEP_S)
            continue
        client.sock.settimeout(STEP_S)
        with contextlib.suppress(TimeoutError):
            taken += client.read(due)
        for text in client.take():
            store.frame(text)
    return taken / seconds


async def thin_client(report, name, *args):
    """The age of what a client reads at 40 KB/s through a proxy, from the fifth second on."""
    async with Server("--feed", "-", *args) as server, behind(name, server) as proxy:
        market = Market(9, SYMBOLS)
        ticks = market.opening(whole=True) + market.ticks(TICKS_PER_S * SECONDS, whole=True)
        feeder = Feeder(server, ticks, TICKS_PER_S)
        feeder.start()
        client = await asyncio.to_thread(Bare, proxy, "", 16384)
        client.send('{"op":"subscribe","symbols":["*"]}')
        store = Ages()
        rate = await asyncio.to_thread(drink, client, store, SECONDS)
        closed = (await server.metrics()).sum("tickcast_sessions_closed_total")
        await feeder.finished()
        client.close()
        report.figure("read", f"{rate / 1000:.0f}", "KB/s")
        report.figure(f"age p99 from {SETTLED_S} s on", f"{store.p99_ms():.0f}", "ms")
        assert client.close_code is None and closed == 0, (client.close_code, closed)
        assert rate > READ_BYTES_PER_S / 4, f"{rate} bytes/s were read"
        return store.p99_ms()


for proxy_name in PROXIES:

    @check(f"a client of 40 KB/s behind {proxy_name} sees fresh prices")
    async def _(report, name=proxy_name):
        p99_ms = await thin_client(report, name)
        assert p99_ms < LIMIT_MS, f"{p99_ms} ms"


@check("the same client sees old prices when nothing holds its data back")
async def control(report):
    p99_ms = await thin_client(report, "nginx", "--set", "limits.target_delay_ms=0")
    assert p99_ms > 2 * LIMIT_MS, f"{p99_ms} ms: this test could not fail"


@check("a Python program of 20 frames a second sees fresh prices")
async def program(report):
    async with Server("--feed", "-") as server:
        market = Market(9, SYMBOLS)
        ticks = market.opening(whole=True) + market.ticks(PYTHON_TICKS_PER_S * SECONDS, whole=True)
        feeder = Feeder(server, ticks, PYTHON_TICKS_PER_S)
        feeder.start()
        store = Ages()
        async with websockets.connect(server.ws) as client:
            await client.send('{"op":"subscribe","symbols":["*"]}')
            while time.monotonic() < store.begun + SECONDS:
                store.frame(await client.recv())
                await asyncio.sleep(1 / FRAMES_PER_S)
        await feeder.finished()
        report.figure("frames", f"{store.frames / SECONDS:.0f}", "/s")
        report.figure(f"age p99 from {SETTLED_S} s on", f"{store.p99_ms():.0f}", "ms")
        assert store.p99_ms() < LIMIT_MS, f"{store.p99_ms()} ms"
