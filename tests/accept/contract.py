"""The contract as two foreign Python libraries meet it: `websockets` and `aiohttp`, neither of them patched."""

import asyncio
import json

import aiohttp
import websockets
from judge import check
from laws import Store
from market import Market
from server import Server


async def until_reached(receive, store, market):
    async with asyncio.timeout(60):
        while not market.reached(store):
            store.frame(await receive())


async def answer(receive, store, id):
    async with asyncio.timeout(60):
        while True:
            for message in store.frame(await receive()):
                if message.get("id") == id:
                    return message


@check("websockets: subscribe, snapshot, update, unsubscribe")
async def with_websockets(report):
    async with Server() as server:
        market, store = Market(1, 20), Store()
        await server.publish(market.opening())
        async with websockets.connect(server.ws, subprotocols=["tickcast.v1.json"]) as ws:
            assert ws.subprotocol == "tickcast.v1.json"
            assert store.frame(await ws.recv())[0]["type"] == "welcome"
            await ws.send(json.dumps({"op": "subscribe", "id": "s", "symbols": market.symbols}))
            subscribed = await answer(ws.recv, store, "s")
            assert [result["status"] for result in subscribed["results"]] == ["ok"] * 20, subscribed
            for _ in range(20):
                await server.publish(market.ticks(200))
            await until_reached(ws.recv, store, market)
            market.check(store)
            await ws.send(json.dumps({"op": "unsubscribe", "id": "u", "symbols": market.symbols}))
            await answer(ws.recv, store, "u")
            await server.publish(market.ticks(100))
            await ws.send(json.dumps({"op": "ping", "id": "p"}))
            assert (await answer(ws.recv, store, "p"))["type"] == "pong"
            assert not market.reached(store), "nothing came after unsubscribed"
        assert (await server.metrics()).residual() == 0


@check("aiohttp: mode every and the query")
async def with_aiohttp(report):
    async with Server() as server, aiohttp.ClientSession() as session:
        market, store = Market(2, 10), Store()
        async with session.ws_connect(f"{server.ws}?symbols={','.join(market.symbols)}&mode=every") as ws:
            assert store.frame(await ws.receive_str())[0]["type"] == "welcome"
            for _ in range(10):
                await server.publish(market.ticks(300))
            await until_reached(ws.receive_str, store, market)
        market.check(store)
        assert not store.gaps
        updates = sum(held.updates + held.snapshots for held in store.held.values())
        assert updates == 3_000, f"3,000 ticks came as {updates} messages"


@check("websockets: permessage-deflate in both directions, and every law holds")
async def compressed(report):
    async with Server() as server:
        market, store = Market(4, 10), Store()
        async with websockets.connect(f"{server.ws}?symbols={','.join(market.symbols)}&mode=every", compression="deflate") as ws:
            answer = ws.response.headers["Sec-WebSocket-Extensions"]
            assert answer == "permessage-deflate; server_no_context_takeover; client_no_context_takeover", answer
            assert store.frame(await ws.recv())[0]["type"] == "welcome"
            for _ in range(10):
                await server.publish(market.ticks(300))
            await until_reached(ws.recv, store, market)
            # Long enough that the library compresses it, and that its answer is compressed.
            await ws.send(json.dumps({"op": "unsubscribe", "id": "x" * 60, "symbols": [f"NONE{n}" for n in range(60)]}))
            async with asyncio.timeout(60):
                while '"x' not in (text := await ws.recv()):
                    store.frame(text)
        market.check(store)
        counts = {name: (await server.metrics()).sum(f"tickcast_deflate_{name}_total") for name in ("plain_bytes", "bytes")}
        assert counts["plain_bytes"] > counts["bytes"] > 0, counts
        report.figure("bytes before and after", counts)
        for offer, expected in [
            ("permessage-deflate; server_max_window_bits=10; client_max_window_bits=9", "server_max_window_bits=9"),
            ("permessage-deflate; server_max_window_bits=8", None),
            ("permessage-deflate; mode=fast", None),
        ]:
            factory = websockets.extensions.permessage_deflate.ClientPerMessageDeflateFactory
            if expected is None:
                headers = {"Sec-WebSocket-Extensions": offer}
                async with websockets.connect(server.ws, compression=None, additional_headers=headers) as ws:
                    assert "Sec-WebSocket-Extensions" not in ws.response.headers, offer
                    await ws.recv()
                continue
            extensions = [factory(server_max_window_bits=10, client_max_window_bits=9)]
            async with websockets.connect(f"{server.ws}?symbols=*", compression=None, extensions=extensions) as ws:
                assert expected in ws.response.headers["Sec-WebSocket-Extensions"]
                async with asyncio.timeout(60):
                    while '"snapshot"' not in await ws.recv():
                        pass


@check("aiohttp: malformed commands are named and the session goes on")
async def malformed(report):
    commands = [
        "", "nonsense", "[]", "7", "{", "{}", '{"op":7}', '{"op":"sell"}', '{"op":"subscribe"}',
        '{"op":"subscribe","symbols":"A"}', '{"op":"subscribe","symbols":[]}',
        '{"op":"subscribe","symbols":["A"],"mode":"x"}', '{"op":"subscribe","symbols":["A"],"interval_ms":-5}',
        '{"op":"subscribe","symbols":["A"],"fields":["x"]}', '{"op":"subscribe","symbols":["A"],"resume":1}',
        '{"op":"unsubscribe"}', '{"op":"set","symbols":["A"],"mode":"x"}', '{"op":"auth"}',
    ]  # fmt: skip
    async with Server() as server, aiohttp.ClientSession() as session, session.ws_connect(server.ws) as ws:
        await ws.receive_str()
        for index, command in enumerate(commands):
            await ws.send_str(command)
            (error,) = json.loads(await ws.receive_str(timeout=60))
            assert error["type"] == "error" and error["code"] and error["message"], (command, error)
            await ws.send_str(json.dumps({"op": "ping", "id": index}))
            (pong,) = json.loads(await ws.receive_str(timeout=60))
            assert pong["type"] == "pong" and pong["id"] == index, (command, pong)
        report.figure("kinds of malformed command", len(commands))


@check("aiohttp: 3,000 subscriptions get 2,048 and 952 errors")
async def too_many_subscriptions(report):
    async with Server() as server, aiohttp.ClientSession() as session, session.ws_connect(server.ws) as ws:
        await ws.receive_str()
        await ws.send_str(json.dumps({"op": "subscribe", "id": 1, "symbols": [f"S{n}" for n in range(3_000)]}))
        (subscribed,) = json.loads(await ws.receive_str(timeout=60))
        statuses = [result["status"] for result in subscribed["results"]]
        assert (statuses.count("pending"), statuses.count("error")) == (2_048, 952), statuses[:5]


@check("closing: oversize 1009, binary 1003")
async def closing(report):
    async with Server() as server, aiohttp.ClientSession() as session:
        for send, code in [(lambda ws: ws.send_str("x" * 70_000), 1009), (lambda ws: ws.send_bytes(b"{}"), 1003)]:
            async with session.ws_connect(server.ws) as ws:
                await send(ws)
                async with asyncio.timeout(60):
                    while (await ws.receive()).type is aiohttp.WSMsgType.TEXT:
                        pass
                assert ws.close_code == code, ws.close_code


@check("websockets: resume after a disconnect misses nothing")
async def resume(report):
    async with Server() as server:
        market, store = Market(3, 5), Store()
        await server.publish(market.opening())
        async with websockets.connect(server.ws + f"?symbols={','.join(market.symbols)}&mode=every") as ws:
            epoch = store.frame(await ws.recv())[0]["epoch"]
            await until_reached(ws.recv, store, market)
        await server.publish(market.ticks(1_000))
        async with websockets.connect(server.ws) as ws:
            last = {symbol: held.cursor for symbol, held in store.held.items()}
            resume = {"epoch": epoch, "last": last}
            await ws.send(json.dumps({"op": "subscribe", "symbols": market.symbols, "mode": "every", "resume": resume}))
            await until_reached(ws.recv, store, market)
        market.check(store)
        assert not store.gaps and sum(held.updates for held in store.held.values()) == 1_000
