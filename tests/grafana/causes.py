"""What each alert is for, caused for real: sick servers, each with the trouble that it is named after.

Two alerts stand for what by law or design does not happen, and cannot be caused from outside: the accounts do not balance, and
a shard does not answer. Those about TLS and tokens are of servers that would not let the scraper of this suite in. For all of
them a small exporter serves a real scrape of the healthy server with some figures changed.
"""

import asyncio
import gzip
import http.server
import json
import os
import resource
import socket
import tempfile
import threading
import time
from random import Random

from clients import command, connect, frame, read_thinly, stream
from judge import until
from server import Server

# By alert: the instance that has it, and what was done to it, for the report.
CAUSED = {
    "TickcastDown": ("killed", "its process was killed"),
    "TickcastRestarting": ("restarted", "it was killed and started three times"),
    "TickcastNotReady": ("broken", "its recording is damaged in the middle"),
    "TickcastDrainLong": ("draining", "SIGTERM, a client that does not read, and a minute to drain"),
    "TickcastShardSilent": ("doctored", "a doctored scrape: no shard can be stopped from outside"),
    "TickcastAccountsDoNotBalance": ("doctored", "a doctored scrape: by law the residual is 0"),
    "TickcastGaps": ("thin", "thin clients in mode every, and a short ring"),
    "TickcastFeedDown": ("ended", "its standard input ended"),
    "TickcastFeedStale": ("mute", "its feed went silent"),
    "TickcastVenueDark": ("dark", "its venue takes no connection"),
    "TickcastFeedLag": ("late", "a simulation faster than any machine"),
    "TickcastTicksRejected": ("crowded", "a bad line was published"),
    "TickcastTopicsStale": ("mute", "its feed went silent"),
    "TickcastTopicsNearLimit": ("crowded", "9 topics of 10"),
    "TickcastAgeHigh": ("thin", "thin clients in mode every"),
    "TickcastConflating": ("thin", "24 clients that do not read, or thinly"),
    "TickcastSessionsSlow": ("stalled", "12 clients that read nothing until 4008"),
    "TickcastMemoryBudget": ("crowded", "an answer larger than limits.control_bytes"),
    "TickcastClientsFaulty": ("crowded", "a frame with a reserved opcode"),
    "TickcastHandshakesRejected": ("crowded", "20 upgrades from a foreign origin"),
    "TickcastNoRoom": ("crowded", "an eleventh session, of 10"),
    "TickcastLimitHits": ("crowded", "more subscriptions than its 100"),
    "TickcastLogLinesDropped": ("unread", "whoever read its log is gone"),
    "TickcastShardsBehind": ("behind", "a burst beyond limits.shard_queue_ticks"),
    "TickcastSessionsNearLimit": ("crowded", "10 sessions of 10"),
    "TickcastFilesNearLimit": ("descriptors", "its limit of open files was lowered to what it has"),
    "TickcastCertificateExpires": ("doctored", "a doctored scrape: a certificate that ends tomorrow"),
    "TickcastTlsFilesFaulty": ("doctored", "a doctored scrape: the files of TLS have a fault"),
    "TickcastTokensRefused": ("doctored", "a doctored scrape: a bad token each second"),
    "TickcastKeyServerFails": ("doctored", "a doctored scrape: a key server that has long given no keys"),
    "TickcastAuditFailed": ("doctored", "a doctored scrape: no disk is full"),
    "TickcastAbsent": (None, "every target was removed"),
}

# Why some servers are slow to be sick or well: these alerts are about time, and a busy machine is slow. They may fire for
# the healthy server in a test; all others must not.
ABOUT_TIME = {
    "TickcastDown",
    "TickcastNotReady",
    "TickcastShardSilent",
    "TickcastFeedStale",
    "TickcastFeedLag",
    "TickcastAgeHigh",
    "TickcastConflating",
    "TickcastShardsBehind",
    # Not of one server.
    "TickcastAbsent",
}

STARTED = time.time()
HEALTHY = ("--feed", "sim?symbols=50&rate=2000", "--set", "limits.stale_ms=60000")
MANY = ("--feed", "sim?symbols=200&rate=20000&zipf=0")


class Ward:
    """The servers, their clients, and what is done to them. Ends everything that it started."""

    def __init__(self, prometheus):
        self.prometheus = prometheus
        self.servers, self.sockets, self.tasks, self.files, self.exporter = {}, [], [], [], None

    async def __aenter__(self):
        try:
            self.start("healthy", *HEALTHY)
            self.exporter = Doctored(self.servers["healthy"])
            self.prometheus.scrape("doctored", self.exporter.port)
            for act in (later, mute, failing, ended, broken, crowded, stalled, thin, behind, descriptors, unread, draining):
                await act(self)
        except BaseException:
            await self.__aexit__()
            raise
        self.tasks.append(asyncio.create_task(restarted(self)))
        self.tasks.append(asyncio.create_task(killed(self)))
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        faults = await asyncio.gather(*self.tasks, return_exceptions=True)
        for client in self.sockets:
            client.close()
        for server in self.servers.values():
            server.process.kill()
            server.process.wait()
        if self.exporter:
            self.exporter.close()
        for fault in faults:
            # A thin reader ends with its server.
            if isinstance(fault, Exception) and not isinstance(fault, OSError):
                raise fault

    def start(self, instance, *args, log=None):
        """Starts a server, in place of the one of this name before, and has it scraped."""
        self.stop(instance)
        server = self.servers[instance] = Server(*args, log=log)
        self.prometheus.scrape(instance, server.port)
        return server

    def stop(self, instance):
        if instance in self.servers:
            self.servers[instance].process.kill()
            self.servers[instance].process.wait()

    def stream(self, server, query=""):
        client = stream(server, query)
        self.sockets.append(client)
        return client

    async def is_scraped(self, instance, expression):
        """Waits until Prometheus knows of the instance what the expression says."""
        name = f'instance="{instance}"'
        await until(expression, lambda: self.prometheus.instant(expression.replace("{$}", "{" + name + "}")))


async def later(ward):
    """Everyone is shown what was there two seconds ago. Operators, who need no token, have a port of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    delayed = ("--set", 'auth.anonymous.delayed=["*"]', "--set", "auth.delay_ms=2000")
    server = Server("--feed", "sim?symbols=5&rate=100", *delayed, "--set", f"admin_listen=127.0.0.1:{port}")
    ward.servers["later"] = server
    ward.prometheus.scrape("later", port)
    ward.stream(server, "?symbols=*")


async def mute(ward):
    server = ward.start("mute", "--feed", "-", "--set", "limits.stale_ms=500")
    ward.start("dark", "--feed", "binance?symbols=BTCUSDT&url=ws://127.0.0.1:9")
    write(server, ['{"symbol":"A","bid":1}'])


async def failing(ward):
    """A replay that fails the clients of exchanges as a venue did: some of what it sends comes twice."""
    server = ward.start("failing", "--feed", "replay:bundled?loop=true&scenario=failover-duplicates")
    client, _ = connect(server, "?streams=btcusdt@trade/btcusdt@bookTicker", path="/stream", rcvbuf=1 << 16)
    ward.sockets.append(client)
    ward.tasks.append(asyncio.create_task(reading(client)))


async def reading(client):
    """Reads until the server ends."""
    client.setblocking(False)
    while await asyncio.get_running_loop().sock_recv(client, 1 << 16):
        pass


async def broken(ward):
    """A feed that breaks off: what the deflate stream says behind the middle is nothing."""
    random = Random(1)
    lines = (f'{{"ts":{1742860800000000 + i},"symbol":"A","bid":"{i}.{random.randrange(10**6)}"}}\n' for i in range(20_000))
    packed = bytearray(gzip.compress("".join(lines).encode()))
    middle = len(packed) // 2
    packed[middle : middle + 64] = b"\xff" * 64
    # As long as the server lives, which is as long as this process.
    ward.files.append(tempfile.NamedTemporaryFile(suffix=".ndjson.gz"))
    ward.files[-1].write(packed)
    ward.files[-1].flush()
    ward.start("broken", "--feed", f"replay:{ward.files[-1].name}?speed=max")


async def ended(ward):
    server = ward.start("ended", "--feed", "-")
    write(server, ['{"symbol":"A","bid":1}'])
    server.process.stdin.close()


def write(server, lines):
    server.process.stdin.write(("\n".join(lines) + "\n").encode())
    server.process.stdin.flush()


async def crowded(ward):
    limits = ["sessions=10", "topics=10", "sessions_per_address=10", "control_bytes=16384", "subscriptions=100"]
    # No pings: its clients do not answer them, and are to stay.
    limits += ["ping_ms=3600000"]
    server = ward.start("crowded", "--feed", "push", *(part for limit in limits for part in ("--set", f"limits.{limit}")))
    await ward.is_scraped("crowded", 'tickcast_build_info{$}')
    await server.publish([json.dumps({"symbol": f"S{number}", "bid": 1}) for number in range(9)])
    status, _, _ = await server.request("POST", "/v1/publish", '{"symbol":"S1","bid":"ten"}\n')
    assert status == 200
    for _ in range(20):
        client, answer = connect(server, headers=["Origin: https://elsewhere.example"])
        client.close()
    # Each of these two is closed by the server, and gives its place back.
    asks = stream(server)
    symbols = ",".join(f'"N{number:060}"' for number in range(200))
    asks.sendall(command(f'{{"op":"subscribe","id":1,"symbols":[{symbols}]}}'))
    breaks = stream(server)
    breaks.sendall(frame(3, b""))
    ward.sockets += [asks, breaks]
    metrics = await until("both to be closed", lambda: closed(server, ["memory_budget", "protocol_error"]))
    assert metrics.sum("tickcast_sessions_closed_total", 'reason="memory_budget"') == 1
    for _ in range(10):
        ward.stream(server)
    ward.stream(server)
    await until("no room", lambda: counted(server, "tickcast_handshakes_rejected_total", 'reason="too_many_sessions"'))


async def closed(server, reasons):
    metrics = await server.metrics()
    return metrics if all(metrics.sum("tickcast_sessions_closed_total", f'"{reason}"') for reason in reasons) else None


async def counted(server, family, part=""):
    return (await server.metrics()).sum(family, part)


async def stalled(ward):
    server = ward.start("stalled", *MANY, "--set", "limits.progress_ms=1000")
    await ward.is_scraped("stalled", 'tickcast_build_info{$}')
    for _ in range(12):
        ward.stream(server, "?symbols=SIM-*")


async def thin(ward):
    server = ward.start("thin", *MANY, "--set", "limits.ring_ticks=64", "--set", "limits.progress_ms=600000")
    await ward.is_scraped("thin", 'tickcast_build_info{$}')
    for _ in range(20):
        ward.stream(server, "?symbols=SIM-*")
    for _ in range(4):
        client = ward.stream(server, "?symbols=SIM-*&mode=every")
        ward.tasks.append(asyncio.create_task(read_thinly(client, 4096, 0.02)))


async def behind(ward):
    server = ward.start("behind", "--feed", "push", "--set", "limits.ring_ticks=1", "--set", "limits.shard_queue_ticks=1")
    await ward.is_scraped("behind", 'tickcast_build_info{$}')
    # Beyond what a shard's queue holds while the shard is busy with the batch before: some bursts, for one may be taken.
    lines = [json.dumps({"symbol": "A", "bid": number + 1}) for number in range(1000)]

    async def missed():
        await server.publish(lines)
        return await counted(server, "tickcast_shard_resyncs_total")

    await until("a shard to fall behind", missed)


async def descriptors(ward):
    server = ward.start("descriptors", "--feed", "push")
    # The server has raised the limit for itself; an operator's lower one would have been in its way from the start.
    used = int(await counted(server, "process_open_fds"))
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 2, used + 2))


async def unread(ward):
    reader, writer = os.pipe()
    os.close(reader)
    server = ward.start("unread", "--feed", "push", "--log-level", "debug", log=os.fdopen(writer, "wb"))
    await ward.is_scraped("unread", 'tickcast_build_info{$}')
    before = await counted(server, "tickcast_log_lines_dropped_total")
    # Each session is a line.
    ward.stream(server)
    await until("a line that nobody takes", lambda: more(server, "tickcast_log_lines_dropped_total", before))


async def more(server, family, before):
    return await counted(server, family) > before


async def draining(ward):
    server = ward.start("draining", *MANY, "--set", "limits.drain_ms=600000", "--set", "limits.progress_ms=600000")
    ward.stream(server, "?symbols=SIM-*")
    await until("a client that is behind", lambda: counted(server, "tickcast_sessions", '"conflating"'))
    server.terminate()


async def restarted(ward):
    while not await ward.prometheus.instant('resets(tickcast_uptime_seconds{instance="restarted"}[30m]) > 2'):
        ward.start("restarted", "--feed", "push")
        # Long enough that the first figure of the next process is lower than the last of this one.
        await ward.is_scraped("restarted", f"timestamp(tickcast_uptime_seconds{{$}}) > {time.time() + 2}")


async def killed(ward):
    ward.start("killed", "--feed", "push")
    await ward.is_scraped("killed", "up{$} == 1")
    ward.stop("killed")


async def late(ward):
    """Takes a whole core, so it runs when nothing else is waited for, and no longer than needed."""
    ward.start("late", "--feed", "sim?symbols=100&rate=10000000")


class Doctored:
    """A scrape of a real server with some figures changed: what none here can be made to show."""

    def __init__(self, server):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                _, _, text = server.request_now("GET", "/metrics")
                lines = [doctor(line) for line in text.splitlines()]
                # A server without TLS has no certificate, and no handshakes.
                since = f"{time.time() - STARTED:.0f}"
                lines += [
                    f'tickcast_tls_certificate_expires_seconds{{certificate="0"}} {time.time() + 86400:.0f}',
                    'tickcast_key_server_age_seconds{server="0"} 60',
                    f'tickcast_tls_handshakes_total{{version="1.3",kind="full"}} {since}',
                    f'tickcast_tls_rejected_total{{reason="timeout"}} {since}',
                ]
                body = ("\n".join(lines) + "\n").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def doctor(line):
    name, _, value = line.rpartition(" ")
    if name == "tickcast_updates_residual":
        return f"{name} 3"
    if name == "tickcast_audit_failed":
        return f"{name} 1"
    if name == "tickcast_shards":
        return f"{name} {int(value) - 1}"
    if name == "tickcast_tls_files_faulty":
        return f"{name} 1"
    if name == "tickcast_key_fetch_failures_total":
        return f"{name} {time.time() - STARTED:.0f}"
    if name.startswith("tickcast_tls_handshake_seconds") or name == 'tickcast_access_refused_total{reason="bad_token"}':
        return f"{name} {time.time() - STARTED:.0f}"
    return line
