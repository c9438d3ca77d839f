"""Limits of connections by address, over real addresses: in a network namespace of its own, which has several.

Run as a program it is what happens in there, and prints what it saw.
"""

import json
import re
import socket
import subprocess
import sys
import time

ADDRESSES = ["10.77.0.1", "10.77.0.2", "10.77.0.3", "fd00:77::1", "fd00:77::2", "fd00:77::3", "fd00:77:0:1::2"]
LIMIT = 20


def inside(binary):
    for command in (["link", "set", "lo", "up"], *(["addr", "add", address, "dev", "lo"] for address in ADDRESSES)):
        subprocess.run(["ip", *command], check=True)
    limits = [f"limits.connections_per_address={LIMIT}", "limits.sessions_per_address=4"]
    sets = [word for limit in limits for word in ("--set", limit)]
    server = subprocess.Popen(
        [binary, "serve", "--listen", "[::]:0", "--feed", "push", *sets], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        port = int(re.search(rb"\]:(\d+)", server.stdout.readline())[1])
        print(json.dumps(seen(port)))
    finally:
        server.kill()
        server.wait()


def seen(port):
    crowd = [half_asked(port, "10.77.0.2", "10.77.0.1") for _ in range(3 * LIMIT)]
    result = {"at work": left(crowd), "another": asks(connected(port, "10.77.0.3", "10.77.0.1"))}
    for connection in crowd:
        connection.close()
    # Who has been answered makes room for the next, so that each is answered.
    idle = []
    while len(idle) < 3 * LIMIT:
        idle.append(connected(port, "10.77.0.3", "10.77.0.1"))
        result["answered"] = result.get("answered", 0) + asks(idle[-1])
    result["idle"] = left(idle)
    one_network = ["fd00:77::2", "fd00:77::3"]
    crowd = [half_asked(port, one_network[turn % 2], "fd00:77::1") for turn in range(3 * LIMIT)]
    result["of one /64"] = left(crowd)
    result["another /64"] = asks(connected(port, "fd00:77:0:1::2", "fd00:77::1"))
    crowd += [half_asked(port, "127.0.0.1", "127.0.0.1") for _ in range(3 * LIMIT)]
    result["loopback"] = asks(connected(port, "127.0.0.1", "127.0.0.1"), "/debug/slow")
    return result


def connected(port, source, target):
    connection = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    connection.settimeout(30)
    connection.bind((source, 0))
    connection.connect((target, port))
    return connection


def half_asked(port, source, target):
    connection = connected(port, source, target)
    try:
        connection.sendall(b"GET / HTTP/1.1\r\n")
    except OSError:
        pass  # It was refused.
    return connection


def asks(connection, path="/healthz"):
    try:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return connection.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def left(connections):
    """How many stay open, once no more than may are."""
    end = time.monotonic() + 30
    while (count := sum(map(is_open, connections))) > LIMIT and time.monotonic() < end:
        time.sleep(0.05)
    return count


def is_open(connection):
    """Whether the server has not ended it."""
    connection.setblocking(False)
    try:
        return connection.recv(65536) != b"" and is_open(connection)
    except BlockingIOError:
        return True
    except OSError:
        return False


if __name__ == "__main__":
    inside(sys.argv[1])
else:
    from judge import check
    from server import BINARY

    @check("an address cannot take more connections than it may, and the idle make room")
    async def _(report):
        inside_of = ["unshare", "--map-root-user", "--net", sys.executable, __file__, BINARY]
        saw = json.loads(subprocess.run(inside_of, check=True, capture_output=True, timeout=120).stdout)
        assert saw == {
            "at work": LIMIT, "another": True, "answered": 3 * LIMIT, "idle": LIMIT,
            "of one /64": LIMIT, "another /64": True, "loopback": True,
        }, saw
        report.figure("connections", f"{LIMIT} of {3 * LIMIT} connections of one address, of one /64 likewise, loopback not limited")
