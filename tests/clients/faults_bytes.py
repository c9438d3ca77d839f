"""The ready scenarios on the wire: the same seed gives the same bytes, another gives others where there is chance. And the
document's table of what clients do is the one that the tests compare with.
"""

import hashlib
from importlib.metadata import version

import aiohttp
from fault_rows import CLIENTS, ROWS
from faults import SEED, SYMBOLS
from market import ROOT, Server, check, finish

STREAMS = "/".join(f"{symbol.lower()}@trade" for symbol in SYMBOLS)
# The others do the same to everybody.
BY_CHANCE = {"mute-streams", "failover-duplicates", "two-servers-reorder", "sequence-gap"}


async def wire(options):
    """All that one connection is sent, until the venue closes it: its digest, how many messages, and the close."""
    with Server(options=f"{options}&start=clients:1&speed=max") as server:
        digest, messages = hashlib.sha256(), 0
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.ws}/stream?streams={STREAMS}") as socket:
            async for message in socket:
                digest.update(f"{len(message.data)} {message.data}".encode())
                messages += 1
            server.balances()
            return digest.hexdigest(), messages, socket.close_code


def register(scenario):
    @check(f"{scenario}: the same seed gives the same bytes")
    async def same(recording):
        first = await wire(f"scenario={scenario}&seed={SEED}")
        assert first == await wire(f"scenario={scenario}&seed={SEED}"), "the same seed gives other bytes"
        other = await wire(f"scenario={scenario}&seed={SEED + 1}")
        assert (first != other) == (scenario in BY_CHANCE), f"the next seed: {first} and {other}"


@check("the document's table of what clients do is the one of the tests")
async def document(_):
    headings = [heading.format(version(package)) for heading, package in CLIENTS.values()]
    wanted = [["scenario", *headings], ["---"] * (len(headings) + 1)]
    wanted += [[f"`{scenario}`", *(row[client] for client in CLIENTS)] for scenario, row in ROWS.items()]
    text = (ROOT / "docs/EXCHANGES.md").read_text()
    lines = "\n".join(f"| {' | '.join(row)} |".replace("| --- ", "|---").replace("--- |", "---|") for row in wanted)
    assert lines in text, f"docs/EXCHANGES.md has not this table:\n{lines}"


@check("the table has all the scenarios that come ready")
async def whole(_):
    ready = {path.stem for path in (ROOT / "examples/scenarios").glob("*.toml")}
    assert ready == set(ROWS) and all(set(row) == set(CLIENTS) for row in ROWS.values()), ready ^ set(ROWS)


for scenario in ROWS:
    register(scenario)

if __name__ == "__main__":
    finish()
