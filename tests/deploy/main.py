"""Runs every check of `deploy/`, or those whose names have one of the words given: see run.sh."""

import asyncio
import sys

# Each module registers its checks when it is imported; the order here is the order in which they run. `judge` and
# `server` are the acceptance suite's.
import names  # noqa: F401
import unit  # noqa: F401
import manifests  # noqa: F401
import proxies  # noqa: F401
import shells  # noqa: F401
import artefacts  # noqa: F401
import image  # noqa: F401
from judge import run

sys.exit(asyncio.run(run(sys.argv[1:])))
