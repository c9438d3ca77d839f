#!/usr/bin/env python3
"""Writes dashboards/*.json from source/*.py; with --check, only says whether they are what it would write.

Python 3 alone is needed. A test runs the check, so the files that Grafana loads cannot drift from what is written here.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "source"))

import access  # noqa: E402
import conservation  # noqa: E402
import feeds  # noqa: E402
import overview  # noqa: E402
import slow_clients  # noqa: E402
import venues  # noqa: E402

BOARDS = [overview.BOARD, conservation.BOARD, slow_clients.BOARD, feeds.BOARD, access.BOARD, venues.BOARD]


def main():
    expected = {board["uid"] + ".json": json.dumps(board, indent=2, ensure_ascii=False) + "\n" for board in BOARDS}
    directory = HERE / "dashboards"
    found = {path.name: path.read_text() for path in directory.glob("*.json")}
    if "--check" in sys.argv[1:]:
        differ = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        if differ:
            sys.exit(f"{', '.join(differ)}: not what grafana/generate.py writes; run it")
        return
    for name in found.keys() - expected.keys():
        (directory / name).unlink()
    for name, text in expected.items():
        (directory / name).write_text(text)


main()
