"""A relay of TCP between a client and the service, which can be cut as a network is: without a word of the protocol above.
While it is shut, who connects waits.

For clients that take no address without TLS it ends TLS, with a certificate of its own.
"""

import asyncio
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path


class Certificate:
    """For the loopback address. Its own authority: clients are told of it by `SSL_CERT_FILE` and the like."""

    def __init__(self):
        folder = Path(tempfile.mkdtemp(prefix="clients-"))
        self.path, self.key = folder / "certificate.pem", folder / "key.pem"
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key, "-out", self.path]
        subprocess.run([*command.split(), *names], check=True, capture_output=True)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


class Relay:
    """`with Relay(port) as relay:` listens on a free port of the loopback, and passes bytes on to `port`."""

    def __init__(self, port, certificate=None):
        self.tls = certificate and certificate.context()
        self.target, self.port, self.writers = port, None, set()
        self.loop = asyncio.new_event_loop()
        self.listening = threading.Event()
        # Of the relay's own loop; and how many wait for it.
        self.is_open, self.waiting = asyncio.Event(), 0
        self.is_open.set()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        self.listening.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.tls))
        self.port = server.sockets[0].getsockname()[1]
        self.listening.set()
        self.loop.run_forever()

    def shut(self):
        """From now on who connects waits. Returns when that holds."""
        self.call(self.is_open.clear)

    def open(self):
        self.call(self.is_open.set)

    def call(self, function):
        async def called():
            function()

        asyncio.run_coroutine_threadsafe(called(), self.loop).result()

    async def serve(self, reader, writer):
        self.waiting += 1
        await self.is_open.wait()
        self.waiting -= 1
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, upstream_writer}
        self.writers |= pair
        try:
            await asyncio.gather(self.pass_on(reader, upstream_writer), self.pass_on(upstream_reader, writer))
        finally:
            self.writers -= pair

    @staticmethod
    async def pass_on(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()
        except OSError:
            writer.transport.abort()

    def cut(self):
        """Every connection is reset. Returns how many there were."""

        async def reset():
            cut = list(self.writers)
            for writer in cut:
                writer.transport.abort()
            return len(cut) // 2

        return asyncio.run_coroutine_threadsafe(reset(), self.loop).result()
