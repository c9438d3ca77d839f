#!/usr/bin/env python3
"""What hostile HTTP costs the others: answers that nobody reads, requests without a pause, askers that hang up.

    cargo build --release && python3 benches/http_bounds.py [--server BINARY] [--rounds N] [--small]

Starts the server over many topics, and says for each attack what the server's memory, its CPU time and the ages of
healthy clients' messages are, beside those without it. Not a benchmark of speed: the figures that count are ratios
of one run. The same attacks are tests, at small scale, in tests/it/bounds.rs.

The server has one shard and a core of its own where there are two, and goes before other programs where it may; attackers
and clients have the others. Each round goes through all paths, with a time without an attack before each; a path's
figure is the median of its rounds' ratios.
"""

import argparse
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import threading
import time
import urllib.request

LIVELY = 100
ALL_CORES = sorted(os.sched_getaffinity(0))
CORES = ALL_CORES if len(ALL_CORES) > 1 else []
PIPELINED = ["/", "/assets/chart.js", "/nothing", "/readyz", "/metrics", "/v1/symbols", "/v1/snapshot?symbols=*7,*3"]


def alone():
    """The first core, before others."""
    if CORES:
        os.sched_setaffinity(0, {CORES[0]})
    try:
        os.nice(-20)
    except PermissionError:
        pass


class Server:
    """A lively market of a few symbols, and many topics that are still."""

    def __init__(self, binary, topics):
        feed = f"sim?symbols={LIVELY}&rate=2000&seed=1"
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--feed", feed, "--feed", "push"]
        command += ["--set", f"limits.topics={topics + LIVELY}", "--set", "limits.progress_ms=600000"]
        command += ["--shards", "1"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=alone
        )
        self.port = int(re.search(r":(\d+)", self.process.stdout.readline().split("http://")[1])[1])

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return answer.read()

    def rss(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def shard_seconds(self):
        """CPU time of the shard's thread."""
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            stat = (task / "stat").read_text()
            if stat.split("(")[1].startswith("shard-"):
                fields = stat.rsplit(")", 1)[1].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def bear(self, topics):
        """So many topics, behind the lively ones."""
        time.sleep(2)
        for begin in range(0, topics, 10_000):
            numbers = range(begin, min(topics, begin + 10_000))
            lines = "\n".join(json.dumps({"symbol": f"STILL-{number:06}", "bid": "1.25"}) for number in numbers)
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/publish", lines.encode(), timeout=60).read()

    def ask(self, path, times=1):
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * times)
        return connection

    def end(self):
        self.process.terminate()
        self.process.wait()


def unread(server, count):
    """Connections that ask for every symbol and never read."""
    server.get("/v1/symbols")
    before = server.rss()
    held, refused = [], 0
    for _ in range(count):
        held.append(server.ask("/v1/symbols"))
    time.sleep(3)
    grown = server.rss() - before
    for connection in held:
        refused += connection.recv(64).startswith(b"HTTP/1.1 503")
        connection.close()
    print(f"unread      {count} x GET /v1/symbols: {grown / 1e6:8.1f} MB more, {refused} answered 503")


def hang_up(server, count, globs):
    """Connections that ask for a snapshot of many globs and hang up."""
    time.sleep(1)
    idle = server.cpu_seconds()
    time.sleep(3)
    idle = server.cpu_seconds() - idle
    path = "/v1/snapshot?symbols=" + ",".join(f"*{index}*{index}" for index in range(globs))
    before, threads = server.cpu_seconds(), 0
    for _ in range(count):
        server.ask(path).close()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        threads = max(threads, server.threads())
        time.sleep(0.05)
    spent = server.cpu_seconds() - before - idle
    print(f"hang up     {count} x {globs} globs: {spent:8.2f} s of CPU in the 3 s behind it, {threads} threads at most")


def flood(server, path, stop):
    """Writes requests without a pause, and reads what comes."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    requests = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 100

    def read():
        buffer = bytearray(1 << 18)
        while not stop.is_set():
            try:
                if connection.recv_into(buffer) == 0:
                    return
            except OSError:
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while not stop.is_set():
        try:
            connection.sendall(requests)
        except OSError:
            break
    connection.close()


def attackers(server, path, count):
    """Processes, so that the attack is not bounded by this interpreter."""
    children = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            flood(server, path, threading.Event())
            os._exit(0)
        children.append(child)
    return children


AGE = re.compile(rb'^tickcast_update_age_seconds_bucket\{le="([^"]+)"\} (\d+)', re.M)


def ages(server, seconds):
    """The age that 99 % of the messages of some seconds stayed below, from the server's own histogram; how many there were;
    and what the shard's thread was busy for."""
    busy = server.shard_seconds()
    first = [(float(bound), int(count)) for bound, count in AGE.findall(server.get("/metrics"))]
    time.sleep(seconds)
    last = [(float(bound), int(count)) for bound, count in AGE.findall(server.get("/metrics"))]
    busy = (server.shard_seconds() - busy) / seconds
    counts = [(bound, count - before) for (bound, count), (_, before) in zip(last, first)]
    target, low, below = counts[-1][1] * 0.99, 0.0, 0
    for bound, count in counts:
        if count >= target:
            share = (target - below) / max(count - below, 1)
            return (low + share * (min(bound, 60.0) - low)) * 1e3, counts[-1][1], busy
        low, below = bound, count
    return float("inf"), counts[-1][1], busy


def pipelining(server, binary, clients, connections, seconds, rounds):
    """Healthy clients beside connections that pipeline without a pause, path by path."""
    load = [binary, "load", "--url", f"ws://127.0.0.1:{server.port}/v1/stream", "--clients", str(clients)]
    duration = rounds * len(PIPELINED) * 2 * (seconds + 2) + 60
    load += ["--symbols-per-client", "20", "--choose", "zipf:1.2", "--duration", f"{duration:.0f}s"]
    healthy = subprocess.Popen(load, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(3)
    found = {path: [] for path in PIPELINED}
    for _ in range(rounds):
        for path in PIPELINED:
            baseline = ages(server, seconds)
            children = attackers(server, path, connections)
            time.sleep(0.5)
            attacked = ages(server, seconds)
            for child in children:
                os.kill(child, 9)
                os.waitpid(child, 0)
            time.sleep(0.3)
            found[path].append((baseline, attacked))
    median = statistics.median
    for path, pairs in found.items():
        before, beside = median(pair[0][0] for pair in pairs), median(pair[1][0] for pair in pairs)
        ratios = sorted(pair[1][0] / pair[0][0] for pair in pairs)
        messages = median(pair[1][1] / max(pair[0][1], 1) for pair in pairs)
        busy = median(pair[0][2] for pair in pairs), median(pair[1][2] for pair in pairs)
        print(
            f"pipelining  {connections} x {path:28} p99 age {before:6.2f} -> {beside:6.2f} ms, {median(ratios):5.2f} x "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f}); messages {messages:4.2f} x; shard busy {busy[0]:.0%} -> {busy[1]:.0%}",
            flush=True,
        )
    healthy.terminate()
    healthy.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="target/release/tickcast")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="a hundredth of the topics, and seconds")
    args = parser.parse_args()
    topics = 1_000 if args.small else 100_000
    seconds = 1 if args.small else 2
    if CORES:
        os.sched_setaffinity(0, set(CORES[1:]))
    server = Server(args.server, topics)
    try:
        server.bear(topics)
        unread(server, 20 if args.small else 200)
        hang_up(server, 20, 330)
        pipelining(server, args.server, 50, 8, seconds, 1 if args.small else args.rounds)
    finally:
        server.end()


if __name__ == "__main__":
    main()
