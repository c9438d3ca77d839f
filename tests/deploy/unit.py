"""The systemd unit: valid, closed, and no more closed than tickcast can bear.

A real systemd starts it, as the first process of namespaces of its own. A system call that it refuses would come back as an
error that tickcast may bear, so those that tickcast makes are also compared with those that the unit leaves.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile

import websockets
from common import AS_ROOT, BINARY, DEPLOY, HERE, checked, ran, text
from judge import check, until
from server import Server

UNIT = "deploy/systemd/tickcast.service"
# What `systemd-analyze security` may say at most: 0 is closed, 10 is open.
EXPOSURE_MAX = 1.5


def setting(name):
    return re.findall(rf"^{name}=(.*)$", text(UNIT), re.M)


def laid(root):
    """A root that has what the unit names, as the package lays it."""
    for directory in ("usr/bin", "usr/lib/systemd/system", "usr/lib/sysusers.d", "etc/tickcast", "etc/default"):
        (root / directory).mkdir(parents=True)
    shutil.copy(BINARY, root / "usr/bin/tickcast")
    # Of the package procps, for the reload.
    (root / "bin").symlink_to("usr/bin")
    shutil.copy("/bin/kill", root / "usr/bin/kill")
    shutil.copy(DEPLOY / "systemd/tickcast.service", root / "usr/lib/systemd/system")
    shutil.copy(DEPLOY / "systemd/tickcast.sysusers", root / "usr/lib/sysusers.d/tickcast.conf")
    for target in ("multi-user", "network-online", "sysinit", "basic", "shutdown"):
        (root / f"usr/lib/systemd/system/{target}.target").write_text(f"[Unit]\nDescription={target}\n")


@check("systemd takes the unit, and finds it closed")
async def _(report):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        laid(root)
        said = ran("systemd-analyze", "verify", "--man=no", f"--root={root}", "tickcast.service")
        ours = [line for line in said.splitlines() if "tickcast" in line]
        assert not ours, said
        # The check can fail.
        unit = root / "usr/lib/systemd/system/tickcast.service"
        unit.write_text(unit.read_text().replace("ProtectClock=", "ProtectClocks="))
        broken = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", f"--root={root}", "tickcast.service"], capture_output=True, text=True
        )
        assert "ProtectClocks" in broken.stderr, broken
    said = ran("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX * 10:.0f}", DEPLOY / "systemd/tickcast.service")
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", said)
    report.figure("exposure", exposure, f"of 10; at most {EXPOSURE_MAX}")


@check("the user is made, and it is the unit's")
async def _(report):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        laid(root)
        ran("systemd-sysusers", f"--root={root}")
        (line,) = [line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("tickcast:")]
        assert line.endswith(":/var/lib/tickcast:/usr/sbin/nologin"), line
        assert re.search(r"^tickcast:", (root / "etc/group").read_text(), re.M)
    assert setting("User") == setting("Group") == setting("StateDirectory") == ["tickcast"]


@check("the unit waits for the drain, and starts nothing again that cannot start")
async def _(report):
    drain_ms = int(checked("--config", "deploy/systemd/tickcast.toml")["limits.drain_ms"])
    (stop,) = setting("TimeoutStopSec")
    assert int(stop) * 1000 >= drain_ms + 2000, (stop, drain_ms)
    faulty = subprocess.run([BINARY, "serve", "--listen", "nowhere"], capture_output=True)
    assert [str(faulty.returncode)] == setting("RestartPreventExitStatus"), faulty
    assert setting("KillSignal") == ["SIGTERM"]


@check("the unit reloads by SIGHUP, and starts again what a SIGHUP has killed")
async def _(report):
    assert setting("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    # Of systemd's own, SIGHUP is a clean end: `Restart=on-failure` leaves it.
    assert setting("Restart") == ["on-failure"] and setting("RestartForceExitStatus") == ["SIGHUP"]


def allowed_calls():
    """The system calls that SystemCallFilter= leaves, by systemd's own table of sets."""
    sets, name = {}, None
    for line in ran("systemd-analyze", "syscall-filter").splitlines():
        if line.startswith("@"):
            name = line.strip()
            sets[name] = []
        elif name and line.strip() and not line.strip().startswith("#"):
            sets[name].append(line.strip())

    def members(word):
        if not word.startswith("@"):
            return {word}
        return set().union(*(members(inner) for inner in sets[word]))

    calls = members("@default")
    for line in setting("SystemCallFilter"):
        taken = set().union(*(members(word) for word in line.lstrip("~").split()))
        calls = calls - taken if line.startswith("~") else calls | taken
    return calls


async def a_life(server):
    """What a server does in its life: serves, is fed, is scraped, drains."""
    async with websockets.connect(f"{server.ws}?symbols=ACME&mode=every") as client:
        await client.recv()
        await server.publish(['{"symbol":"ACME","bid":"1"}', '{"symbol":"ACME","bid":"2"}'])
        while '"seq":2' not in await client.recv():
            pass
        scrape = await server.metrics()
        assert scrape.residual() == 0
        own = {key for key in scrape.samples if key.startswith("process_")}
        assert {"process_start_time_seconds", "process_open_fds", "process_cpu_seconds_total"} <= own, own
        status, _, _ = await server.request("GET", "/debug/slow")
        assert status == 200
        server.terminate()
        async for _ in client:
            pass
        assert client.close_code == 1001, client.close_code


def wrapper(directory, script):
    """A program that becomes tickcast, by another way; its process stays the same, so signals reach tickcast."""
    path = pathlib.Path(directory, "tickcast-wrapped")
    path.write_text(f'#!/bin/sh\n{script}\n')
    path.chmod(0o755)
    return str(path)


@check("tickcast makes no system call that the unit refuses, and no memory that can be written and run")
async def _(report):
    allowed = allowed_calls()
    assert "epoll_wait" in allowed and "mount" not in allowed and "chroot" not in allowed and "setuid" not in allowed
    with tempfile.TemporaryDirectory() as directory:
        trace = pathlib.Path(directory, "trace")
        # -D: strace is the child, and tickcast the process that was started.
        traced = wrapper(directory, f'exec strace -D -f -q -o {trace} {BINARY} "$@"')
        async with Server("--feed", "push", "--feed", "replay:bundled?loop=true", binary=traced) as server:
            await a_life(server)
            assert await server.exit_code() == 0

        async def ended():
            return re.search(rf"^{server.process.pid} +\+\+\+ exited with 0", trace.read_text(), re.M)

        await until("the trace's end", ended)
        lines = trace.read_text().splitlines()
    calls = {found.group(1) for line in lines if (found := re.match(r"\d+ +(\w+)\(", line))}
    assert "accept4" in calls and "prlimit64" in calls, calls
    # strace sees the program begin, which systemd does before it closes the door.
    refused = calls - allowed - {"execve"}
    assert not refused, refused
    wx = [line for line in lines if "PROT_WRITE" in line and "PROT_EXEC" in line]
    assert not wx, wx
    families = {family for line in lines for family in re.findall(r" socket\((AF_\w+)", line)}
    assert families <= set(setting("RestrictAddressFamilies")[0].split()), families
    spaces = [line for line in lines if re.search(r"CLONE_NEW", line)]
    assert not spaces, spaces
    written = [line for line in lines if re.search(r" open(at)?\(.*O_(WRONLY|RDWR|CREAT)", line)]
    assert not written, f"ProtectSystem=strict: {written}"
    report.figure("system calls", len(calls), "of them none refused")


@check("systemd starts the unit in its sandbox, it serves clients, drains, and is not started again when it cannot")
async def _(report):
    files = [BINARY, *(DEPLOY / f"systemd/tickcast.{ending}" for ending in ("service", "sysusers", "toml"))]
    said = ran(*AS_ROOT, HERE / "boot.sh", HERE / "lives.sh", *files)
    (checked_messages,) = re.findall(r"law 4 +(\d+) messages checked", said)
    report.figure("checked by tickcast load", checked_messages, "messages")
