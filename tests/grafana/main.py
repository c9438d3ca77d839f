"""Runs every check, or those whose names have one of the words given: see run.sh."""

import asyncio
import sys

# Each module registers its checks when it is imported; the order here is the order in which they run.
import files  # noqa: F401
import live
from causes import Ward
from judge import run
from prometheus import Prometheus


async def main():
    async with Prometheus() as prometheus, Ward(prometheus) as ward:
        live.STAGE.update(prometheus=prometheus, ward=ward)
        try:
            return await run(sys.argv[1:])
        finally:
            if "load" in live.STAGE:
                live.STAGE["load"].kill()
                live.STAGE["load"].wait()


sys.exit(asyncio.run(main()))
