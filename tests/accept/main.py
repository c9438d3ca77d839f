"""Runs every check, or those whose names have one of the words given: see run.sh."""

import asyncio
import sys

# Each module registers its checks when it is imported; the order here is the order in which they run.
import contract  # noqa: F401
import plain_http  # noqa: F401
import addresses  # noqa: F401
import browser  # noqa: F401
import events  # noqa: F401
import drain  # noqa: F401
import stalled  # noqa: F401
import thin  # noqa: F401
import ahead  # noqa: F401
import collapse  # noqa: F401
import ingest  # noqa: F401
import idle  # noqa: F401
import replays  # noqa: F401
import binary_live  # noqa: F401
import terminal  # noqa: F401
from judge import run

sys.exit(asyncio.run(run(sys.argv[1:])))
