"""SIGTERM with 50 clients of two libraries: all get `drain` and 1001, and the process ends with 0."""

import asyncio
import json

import aiohttp
import websockets
from judge import check
from server import Server

CLIENTS = 50


async def with_websockets(server, ready):
    async with websockets.connect(server.ws + "?symbols=A") as ws:
        ready.release()
        kinds = []
        try:
            while True:
                kinds += [message["type"] for message in json.loads(await ws.recv())]
        except websockets.ConnectionClosed as closed:
            return kinds, closed.rcvd.code if closed.rcvd else None


async def with_aiohttp(server, session, ready):
    async with session.ws_connect(server.ws + "?symbols=A") as ws:
        ready.release()
        kinds = []
        while (message := await ws.receive()).type is aiohttp.WSMsgType.TEXT:
            kinds += [message["type"] for message in json.loads(message.data)]
        return kinds, ws.close_code


@check("SIGTERM with 50 clients: drain, 1001, exit code 0")
async def drain(report):
    async with Server() as server, aiohttp.ClientSession() as session:
        await server.publish(['{"symbol":"A","bid":1}'])
        ready = asyncio.Semaphore(0)
        clients = [
            asyncio.create_task(with_websockets(server, ready) if index % 2 else with_aiohttp(server, session, ready))
            for index in range(CLIENTS)
        ]
        for _ in clients:
            await asyncio.wait_for(ready.acquire(), 60)
        server.terminate()
        ends = await asyncio.wait_for(asyncio.gather(*clients), 60)
        assert all("drain" in kinds for kinds, _ in ends), [kinds[-1:] for kinds, _ in ends]
        assert {code for _, code in ends} == {1001}, ends
        assert await server.exit_code() == 0
