"""Clients that misbehave on purpose, and so are written by hand: they ask for a stream and do not read it, or badly."""

import asyncio
import socket
import struct

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def connect(server, query="", headers=(), rcvbuf=4096, path="/v1/stream"):
    """Asks for an upgrade; returns the socket and the first bytes of the answer. Nothing more is read."""
    client = socket.socket()
    # A small window, set before the connection is made, so that what is not read stays with the server.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    client.settimeout(30)
    client.connect(("127.0.0.1", server.port))
    lines = [
        f"GET {path}{query} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
        *headers,
    ]
    client.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return client, client.recv(64)


def stream(server, query=""):
    client, answer = connect(server, query)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return client


def frame(opcode, payload):
    """One frame, masked with zeros, which leaves the payload as it is."""
    head = bytes([0x80 | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    else:
        head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
    return head + bytes(4) + payload


def command(text):
    return frame(1, text.encode())


async def read_thinly(client, bytes_a_turn, turn_s):
    """Reads as a thin link would, until it is cancelled or the server ends it."""
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(client, bytes_a_turn):
        await asyncio.sleep(turn_s)
