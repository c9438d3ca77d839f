"""A client that reads exactly as many bytes as it is told to, when it is told to.

The WebSocket is the `websockets` library's protocol without I/O: a foreign implementation, on a socket of our own.
"""

import socket

from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri


class Bare:
    def __init__(self, server, query="", receive_buffer_bytes=None, source="127.0.0.1"):
        self.sock = socket.socket()
        if receive_buffer_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.sock.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
        self.sock.bind((source, 0))
        self.sock.settimeout(60)
        self.sock.connect(("127.0.0.1", server.port))
        self.protocol = ClientProtocol(parse_uri(server.ws + query), max_size=None)
        self.protocol.send_request(self.protocol.connect())
        self.flush()
        self.texts = []
        self.close_code = None
        while self.protocol.state.name == "CONNECTING":
            assert self.read(), "hung up within the handshake"
        assert self.protocol.handshake_exc is None, self.protocol.handshake_exc

    def fileno(self):
        return self.sock.fileno()

    def flush(self):
        for data in self.protocol.data_to_send():
            if data:
                self.sock.sendall(data)

    def read(self, most=65536):
        """Reads once; texts that have become whole are appended to `texts`. False at the end."""
        data = self.sock.recv(most)
        if data:
            self.protocol.receive_data(data)
        else:
            self.protocol.receive_eof()
        for event in self.protocol.events_received():
            if getattr(event, "opcode", None) is Opcode.TEXT:
                self.texts.append(bytes(event.data).decode())
            elif getattr(event, "opcode", None) is Opcode.CLOSE:
                self.close_code = int.from_bytes(event.data[:2], "big")
        # Pongs are due even from a client that is slow to read.
        self.flush()
        return len(data)

    def send(self, text):
        self.protocol.send_text(text.encode())
        self.flush()

    def take(self):
        texts, self.texts = self.texts, []
        return texts

    def close(self):
        self.sock.close()
