"""The server under test as a process: started, fed, scraped, stopped. Nothing of it is looked at but the contract."""

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

BINARY = os.environ.get("ACCEPT_BIN", "target/debug/tickcast")
ACCOUNTS = ["delivered_total", "conflated_total", "filtered_total", "gapped_total", "discarded_total", "pending"]


class Server:
    """`async with Server("--feed", "-") as server:` starts one on a port of its own and kills it by its id."""

    def __init__(self, *args, binary=BINARY, log=None):
        args = args if "--feed" in args else ("--feed", "push", *args)
        listen = () if "--listen" in args else ("--listen", "127.0.0.1:0")
        self.log = log or tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [binary, "serve", *listen, *args],
            stdin=subprocess.PIPE,
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

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.process.kill()
        self.process.wait()

    @property
    def http(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self):
        return f"ws://127.0.0.1:{self.port}/v1/stream"

    def request_now(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read().decode()
        finally:
            connection.close()

    async def request(self, method, path, body=None, headers=None):
        return await asyncio.to_thread(self.request_now, method, path, body, headers)

    async def publish(self, lines):
        status, _, text = await self.request("POST", "/v1/publish", "\n".join(lines))
        assert status == 200, (status, text)
        answer = json.loads(text)
        assert answer["accepted"] == len(lines) and answer["rejected"] == [], answer

    async def metrics(self):
        status, _, text = await self.request("GET", "/metrics")
        assert status == 200, (status, text)
        return Metrics(text)

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    async def exit_code(self):
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), 60)


class Metrics:
    """One scrape."""

    def __init__(self, text):
        self.samples = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                self.samples[key] = float(value)

    def sum(self, family, part=""):
        return sum(
            value
            for key, value in self.samples.items()
            if (key == family or key.startswith(family + "{")) and part in key
        )

    def residual(self):
        assert "tickcast_updates_offered_total" in self.samples, "the accounts are missing"
        return self.sum("tickcast_updates_offered_total") - sum(self.sum(f"tickcast_updates_{name}") for name in ACCOUNTS)


class Feeder(threading.Thread):
    """Writes lines to the server's standard input at a rate, by the clock: a late chunk does not delay the next.

    `rate` None: as fast as the server takes them.
    """

    CHUNK_S = 0.01

    def __init__(self, server, lines, rate):
        super().__init__(daemon=True)
        self.pipe, self.lines, self.rate, self.seconds = server.process.stdin, lines, rate, None

    def run(self):
        start = time.monotonic()
        step = len(self.lines) if self.rate is None else max(1, int(self.rate * self.CHUNK_S))
        for index in range(0, len(self.lines), step):
            if self.rate is not None:
                time.sleep(max(0.0, start + index / self.rate - time.monotonic()))
            self.pipe.write(("\n".join(self.lines[index : index + step]) + "\n").encode())
            self.pipe.flush()
        self.seconds = time.monotonic() - start

    async def finished(self):
        await asyncio.to_thread(self.join)
        return len(self.lines) / self.seconds
