"""nginx and Envoy with TLS in front of a real tickcast: the examples themselves, with a port and a certificate of the test.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import pwd
import socket
import ssl
import subprocess
import tempfile

import websockets
from common import ran, substituted, text
from judge import check, until
from server import Server

NAME = "ticks.example.com"
TICK = '{{"symbol":"ACME","bid":"{}"}}'
CERTIFICATES = "/etc/ssl/tickcast"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def certificate(directory):
    """A certificate for NAME, signed by itself, and a client's side that trusts it and nothing else."""
    ran("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
        "-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem")
    return ssl.create_default_context(cafile=f"{directory}/cert.pem")


class Proxy:
    """A proxy on a port of its own, and what its clients see."""

    def __init__(self, port, trust):
        self.port, self.trust = port, trust

    @property
    def origin(self):
        return f"https://{NAME}:{self.port}"

    def websocket(self, query="", **options):
        return websockets.connect(
            f"wss://{NAME}:{self.port}/v1/stream{query}", host="127.0.0.1", port=self.port, ssl=self.trust, **options
        )

    async def open(self, path, method="GET", headers=""):
        """A request; the head that was answered, and a reader of what follows."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust, server_hostname=NAME)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: {NAME}:{self.port}\r\n{headers}\r\n".encode())
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        return head, reader, writer

    async def status(self, path, method="GET", headers=""):
        head, _, writer = await self.open(path, method, f"Connection: close\r\n{headers}")
        writer.close()
        return int(head.split()[1])


@contextlib.asynccontextmanager
async def running(command, port, trust, log):
    """The proxy as a process, from when it accepts until it is ended by its id."""
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:

        async def accepts():
            assert process.poll() is None, f"{command[0]} ended: {pathlib.Path(log).read_text()[-2000:]}"
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return True

        await until(f"{command[0]} to accept", accepts)
        yield Proxy(port, trust)
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.asynccontextmanager
async def nginx(directory, server):
    port, trust = free_port(), certificate(directory)
    example = substituted(text("deploy/proxy/nginx.conf"), **{
        "listen 443 ssl;": (f"listen 127.0.0.1:{port} ssl;", 1),
        "listen [::]:443 ssl;": ("", 1),
        CERTIFICATES: (directory, 2),
        "127.0.0.1:8080": (f"127.0.0.1:{server.port}", 1),
    })
    pathlib.Path(directory, "tickcast.conf").write_text(example)
    temporary = "".join(f"{kind}_temp_path {directory};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = f"user {pwd.getpwuid(os.getuid()).pw_name};\n" if os.getuid() == 0 else ""
    pathlib.Path(directory, "nginx.conf").write_text(
        f"{user}daemon off;\npid {directory}/pid;\nerror_log stderr;\nworker_processes 1;\nevents {{ worker_connections 1024; }}\n"
        f"http {{\naccess_log off;\n{temporary}include {directory}/tickcast.conf;\n}}\n"
    )
    command = ["nginx", "-e", "stderr", "-c", f"{directory}/nginx.conf"]
    said = ran(*command, "-t")
    assert "warn" not in said, said
    async with running(command, port, trust, f"{directory}/log") as proxy:
        yield proxy


@contextlib.asynccontextmanager
async def envoy(directory, server):
    port, trust = free_port(), certificate(directory)
    example = substituted(text("deploy/proxy/envoy.yaml"), **{
        "address: 0.0.0.0, port_value: 443": (f"address: 127.0.0.1, port_value: {port}", 1),
        CERTIFICATES: (directory, 2),
        "address: 127.0.0.1, port_value: 8080": (f"address: 127.0.0.1, port_value: {server.port}", 1),
    })
    path = pathlib.Path(directory, "envoy.yaml")
    path.write_text(example)
    ran("envoy", "--mode", "validate", "-c", path, "-l", "error")
    command = ["envoy", "-c", str(path), "-l", "warn", "--concurrency", "1", "--disable-hot-restart"]
    async with running(command, port, trust, f"{directory}/log") as proxy:
        yield proxy


@contextlib.asynccontextmanager
async def haproxy(directory, server):
    port = free_port()
    example = substituted(text("deploy/proxy/haproxy.cfg"), **{
        "maxconn 20000": ("maxconn 200", 1),
        "bind :443": (f"bind 127.0.0.1:{port}", 1),
        "server tickcast 127.0.0.1:8443": (f"server tickcast 127.0.0.1:{server.port}", 1),
    })
    path = pathlib.Path(directory, "haproxy.cfg")
    path.write_text(example)
    ran("haproxy", "-c", "-q", "-f", path)
    async with running(["haproxy", "-db", "-f", str(path)], port, None, f"{directory}/log") as proxy:
        yield proxy


PROXIES = {"nginx": nginx, "Envoy": envoy}


@contextlib.asynccontextmanager
async def behind(name):
    with tempfile.TemporaryDirectory() as directory:
        server = Server("--feed", "push", "--allow-origin", f"https://{NAME}")
        async with server, PROXIES[name](directory, server) as proxy:
            yield server, proxy


async def messages(client):
    """The messages of a session's frames, one by one."""
    async for frame in client:
        for message in json.loads(frame):
            yield message


async def until_message(stream, **fields):
    async for message in stream:
        if fields.items() <= message.items():
            return message
    raise AssertionError(f"the session ended before {fields}")


async def a_websocket_session(server, proxy):
    """It subscribes, is sent each tick before the next is published, and hears of the drain."""
    async with proxy.websocket(origin=proxy.origin) as client:
        stream = messages(client)
        await until_message(stream, type="welcome")
        await client.send('{"op":"subscribe","id":1,"symbols":["ACME"],"mode":"every"}')
        await until_message(stream, type="subscribed")
        for seq in range(1, 6):
            await server.publish([TICK.format(seq)])
            await until_message(stream, symbol="ACME", seq=seq)
        server.terminate()
        await until_message(stream, type="drain")
        async for _ in stream:
            pass
        assert client.close_code == 1001, client.close_code
    assert await server.exit_code() == 0


async def an_event_stream(server, proxy):
    """No event waits for another: each is read before the next is published."""
    await server.publish([TICK.format(1)])
    head, reader, writer = await proxy.open("/v1/sse?symbols=ACME&mode=every", headers=f"Origin: {proxy.origin}\r\n")
    assert " 200 " in head.splitlines()[0] and "text/event-stream" in head.lower(), head
    seen = b""
    for seq in range(1, 6):
        if seq > 1:
            await server.publish([TICK.format(seq)])
        while f'"seq":{seq},'.encode() not in seen:
            more = await reader.read(65536)
            assert more, f"the stream ended before {seq}: {seen}"
            seen += more
    writer.close()


async def what_is_served(proxy):
    for path in ("/", "/assets/app.css", "/assets/app.js", "/v1/symbols", "/v1/snapshot?symbols=ACME"):
        assert await proxy.status(path) == 200, path
    for path, method in (("/metrics", "GET"), ("/debug/slow", "GET"), ("/v1/publish", "POST"), ("/v1/replay", "GET"), ("/healthz", "GET"), ("/v1/stream/../publish", "POST")):
        status = await proxy.status(path, method, "Content-Length: 0\r\n")
        assert status in (400, 404), (path, status)


async def a_foreign_page(proxy):
    async with proxy.websocket(origin="https://evil.example") as client:
        with contextlib.suppress(websockets.ConnectionClosedError):
            await client.recv()
        assert client.close_code == 4103, client.close_code


for proxy_name in PROXIES:

    @check(f"a WebSocket session through {proxy_name} with TLS: ticks, drain, close")
    async def _(report, name=proxy_name):
        async with behind(name) as (server, proxy):
            await a_websocket_session(server, proxy)

    @check(f"server-sent events through {proxy_name} with TLS, none held back")
    async def _(report, name=proxy_name):
        async with behind(name) as (server, proxy):
            await an_event_stream(server, proxy)
            await what_is_served(proxy)
            await a_foreign_page(proxy)


@check("nginx limits the connections of an address, which tickcast cannot see")
async def _(report):
    async with behind("nginx") as (server, proxy), contextlib.AsyncExitStack() as stack:
        for _ in range(100):
            await stack.enter_async_context(proxy.websocket())
        assert await proxy.status("/v1/symbols") == 429
        status, _, said = await server.request("GET", "/metrics")
        assert status == 200 and 'tickcast_sessions{pace="live"} 100' in said, said


async def opened(client):
    """Whether the session that was just connected stays open; else its close code."""
    try:
        await client.send('{"op":"ping","id":1}')
        await until_message(messages(client), type="pong")
        return True
    except (websockets.ConnectionClosed, AssertionError):
        return client.close_code


@check("HAProxy tells tickcast whose a connection is by the PROXY protocol: limits go by it, and nobody is local")
async def _(report):
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as log:
        server = Server(
            "--feed", "push", "--set", 'trusted_proxies=["proxy:127.0.0.1"]', "--set", "limits.sessions_per_address=1",
            "--set", "log.level=debug", log=log,
        )
        async with server, haproxy(directory, server) as proxy, contextlib.AsyncExitStack() as stack:

            async def connected(address):
                url = f"ws://127.0.0.1:{proxy.port}/v1/stream"
                return await opened(await stack.enter_async_context(websockets.connect(url, local_addr=(address, 0))))

            assert await connected("127.0.0.7") is True
            assert await connected("127.0.0.8") is True, "another address has its own limit"
            assert await connected("127.0.0.7") == 4129
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(f"GET /debug/slow HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\nConnection: close\r\n\r\n".encode())
            said = (await reader.read()).decode()
            writer.close()
            assert said.startswith("HTTP/1.1 403 "), said
            log.seek(0)
            lines = [line for line in log.read().decode().splitlines() if "session opened" in line]
            assert any("127.0.0.7:" in line for line in lines) and any("127.0.0.8:" in line for line in lines), lines


@check("nginx tells tickcast whose a request is by X-Forwarded-For, and what a client says of itself is not believed")
async def _(report):
    with tempfile.TemporaryDirectory() as directory:
        server = Server(
            "--feed", "push", "--allow-origin", f"https://{NAME}", "--set", 'trusted_proxies=["127.0.0.1"]',
            "--set", "limits.sessions_per_address=1",
        )
        async with server, nginx(directory, server) as proxy, contextlib.AsyncExitStack() as stack:

            async def connected(address, **options):
                session = proxy.websocket(local_addr=(address, 0), **options)
                return await opened(await stack.enter_async_context(session))

            assert await connected("127.0.0.7") is True
            assert await connected("127.0.0.8") is True
            claim = {"X-Forwarded-For": "203.0.113.9"}
            assert await connected("127.0.0.7", additional_headers=claim) == 4129


@check("a client behind a proxy is not told apart by X-Forwarded-For, and a public name may not publish")
async def _(report):
    async with Server("--feed", "push") as server:
        for headers, expected in (
            ({"X-Forwarded-For": "203.0.113.7"}, 200),
            ({"Host": NAME}, 403),
            ({"Host": NAME, "X-Forwarded-For": "127.0.0.1"}, 403),
        ):
            status, _, said = await server.request("POST", "/v1/publish", TICK.format(1), headers)
            assert status == expected, (headers, status, said)
