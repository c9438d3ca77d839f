"""HTTP and server-sent events as `curl` meets them."""

import asyncio
import json

from judge import check
from laws import Store
from market import Market
from server import Metrics, Server


async def curl(*args):
    process = await asyncio.create_subprocess_exec("curl", "--silent", "--max-time", "60", *args, stdout=-1)
    out, _ = await process.communicate()
    return out.decode()


async def status(*args):
    """Status and body."""
    body, _, code = (await curl("--write-out", "\n%{http_code}", *args)).rpartition("\n")
    return int(code), body


@check("curl: pages and refusals")
async def pages(report):
    async with Server() as server:
        market = Market(4, 3)
        lines = market.ticks(50)
        code, body = await status("--data-binary", "\n".join(lines + ["nonsense"]), server.http + "/v1/publish")
        answer = json.loads(body)
        assert code == 200 and answer["accepted"] == 50, (code, body)
        assert [rejected["line"] for rejected in answer["rejected"]] == [51], body
        for path in ["/", "/metrics", "/healthz", "/readyz", "/v1/symbols", "/v1/snapshot?symbols=SYM0", "/debug/slow"]:
            code, _ = await status(server.http + path)
            assert code == 200, (path, code)
        listed = {entry["symbol"]: entry["seq"] for entry in json.loads(await curl(server.http + "/v1/symbols"))}
        assert listed == market.seq, listed
        for expected, args in [
            (404, ["/nothing"]),
            (405, ["/v1/symbols", "-X", "DELETE"]),
            (405, ["/v1/publish"]),
            (426, ["/v1/stream"]),
        ]:
            code, body = await status(server.http + args[0], *args[1:])
            error = json.loads(body)["error"]
            assert code == expected and error["code"] and error["message"], (args, code, body)
        assert Metrics(await curl(server.http + "/metrics")).residual() == 0


@check("curl: server-sent events are the same messages")
async def events(report):
    async with Server() as server:
        market, store = Market(5, 8), Store()
        await server.publish(market.opening())
        url = f"{server.http}/v1/sse?symbols={','.join(market.symbols)}"
        process = await asyncio.create_subprocess_exec("curl", "--silent", "--no-buffer", url, stdout=-1)
        try:
            for _ in range(10):
                await server.publish(market.ticks(200))
            async with asyncio.timeout(60):
                while not market.reached(store):
                    line = (await process.stdout.readline()).decode()
                    if line.startswith("data:"):
                        store.frame(line[5:].strip())
            market.check(store)
        finally:
            process.kill()
            await process.wait()


@check("a handshake that never finishes is cut")
async def handshake(report):
    async with Server("--set", "limits.handshake_ms=1000") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n")
        await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert (await status(server.http + "/healthz"))[0] == 200
