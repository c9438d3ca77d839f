"""Files of the tree and commands, as all checks of `deploy/` use them."""

import os
import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
HERE = ROOT / "tests/deploy"
AS_ROOT = [] if os.getuid() == 0 else ["sudo", "-n"]
BINARY = os.environ["ACCEPT_BIN"]


def text(path):
    return (ROOT / path).read_text()


def documents(path):
    return list(yaml.safe_load_all(text(path)))


def ran(*command, **options):
    """Runs a command to its end and returns what it said on both streams; raises with that when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def environment(**variables):
    """The environment without variables of ours, and with these."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TICKCAST_")} | variables


def checked(*arguments, **variables):
    """`tickcast check`: the settings in force, as texts by their keys. A warning is a failure, for it warns of limits."""
    said = ran(BINARY, "check", *arguments, env=environment(**variables))
    assert "warning" not in said, said
    lines = [line.split("  # ")[0] for line in said.splitlines() if " = " in line and not line.startswith("#")]
    return {key: value.strip('"') for key, value in (line.split(" = ", 1) for line in lines)}


def substituted(source, **values):
    """An example with each text (the key) replaced, which has to be there as often as said: {text: (new, times)}."""
    for old, (new, times) in values.items():
        found = source.count(old)
        assert found == times, f"{old!r} is there {found} times, not {times}"
        source = source.replace(old, new)
    return source


def metrics():
    """The metrics of the page, which a test compares with the code."""
    return set(re.findall(r"^\| `(tickcast_\w+)`", text("docs/METRICS.md"), re.M))


def family(name):
    """The metric whose sample this is."""
    return re.sub(r"_(bucket|sum|count)$", "", name)
