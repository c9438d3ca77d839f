"""Checks and figures: what is run, what it is called, how it ended.

A check is an async function that raises when the contract is broken. A figure is a measurement that the report shows;
a check asserts one only at a value that noise cannot reach.
"""

import asyncio
import sys
import time
import traceback

CHECKS = []
DEADLINE_S = 60


def check(name):
    """Registers an async function as a check of this name."""

    def register(function):
        CHECKS.append((name, function))
        return function

    return register


class Report:
    """What one check has to say beside its success."""

    def __init__(self):
        self.figures = []

    def figure(self, name, value, unit=""):
        self.figures.append(f"{name} {value}{' ' + unit if unit else ''}")


async def until(what, probe, deadline_s=DEADLINE_S):
    """Asks `probe` until it gives something true, and returns that."""
    end = time.monotonic() + deadline_s
    while True:
        found = await probe()
        if found:
            return found
        assert time.monotonic() < end, f"waited {deadline_s} s in vain for {what}"
        await asyncio.sleep(0.02)


async def run(words):
    """Runs the checks whose names have one of the words; all without words. Returns the exit code."""
    chosen = [(name, function) for name, function in CHECKS if not words or any(word in name for word in words)]
    passed, failed = 0, []
    for name, function in chosen:
        report, start = Report(), time.monotonic()
        try:
            await asyncio.wait_for(function(report), 600)
        except Exception as fault:  # whatever it is, the other checks must still run
            failed.append(name)
            print(f"FAIL  {name}: {type(fault).__name__}: {str(fault)[:600]}", flush=True)
            traceback.print_exc(limit=-3, file=sys.stdout)
        else:
            passed += 1
            print(f"ok    {name} ({time.monotonic() - start:.1f} s)", flush=True)
        for figure in report.figures:
            print(f"      {figure}", flush=True)
    print(f"{passed} passed, {len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    return 0 if passed and not failed else 1
