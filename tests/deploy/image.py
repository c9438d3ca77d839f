"""The Dockerfile without an engine: linted by hadolint, its steps run, its image lived in.

The build stage runs in a mount namespace on this machine's own root, with a layer of memory over it that takes all that is
written: Debian and Rust's toolchain, as in the image that `FROM` names, though not that image itself. The second stage is an
empty directory, and what it holds in the end is entered by chroot, as the user and with the environment that the image says.
Not checked by it: the pull of `rust:…`, and what an engine makes of the file beyond these instructions.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile

import compose_spec
from common import AS_ROOT, DEPLOY, ROOT, ran, text
from dockerfile_parse import DockerfileParser
from judge import check, until
from proxies import free_port

DOCKERFILE = DEPLOY / "docker/Dockerfile"
# Cargo's output of the image's build stays here from run to run: the cache mount.
CACHE = ROOT / "target/deploy-image"
COMMIT = "0123456789abcdef0123456789abcdef01234567 2025-03-25"


@check("hadolint has nothing to say of the Dockerfile")
async def _(report):
    ran("hadolint", "--failure-threshold", "style", DOCKERFILE)
    broken = subprocess.run(["hadolint", "-"], input="FROM debian\nRUN cd / && apt-get install curl\n", text=True, capture_output=True)
    assert broken.returncode != 0 and "DL3006" in broken.stdout and "DL3003" in broken.stdout, broken


@check("the Compose specification takes compose.yaml")
async def _(report):
    source = text("deploy/docker/compose.yaml")
    compose = compose_spec.PyCompose.from_yaml(source)
    compose.validate()
    assert set(compose.service_names()) == {"tickcast", "prometheus", "grafana"}
    broken = source.replace("stop_grace_period: 15s", "stop_grace_periods: 15s")
    try:
        compose_spec.PyCompose.from_yaml(broken).validate()
    except Exception as refused:  # the library has no narrower one for this
        assert "stop_grace_periods" in str(refused), refused
    else:
        raise AssertionError("an unknown key was taken")
    # Only loopback is published: the image listens everywhere inside, and these services trust who reaches them.
    published = re.findall(r"^ +- ([\d.]*:?\d+:\d+)$", source, re.M)
    assert len(published) == 3 and all(port.startswith("127.0.0.1:") for port in published), published


def context(directory):
    """What `COPY . .` brings: the tree, less what Dockerfile.dockerignore leaves out."""
    lines = text("deploy/docker/Dockerfile.dockerignore").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*" and all(re.fullmatch(r"![\w./-]+", line) for line in patterns[1:]), patterns
    for line in patterns[1:]:
        source, target = ROOT / line[1:], directory / line[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy2(source, target)


def stages(arguments):
    """The instructions of each stage with ARGs filled in, and the configuration that the last one leaves."""
    with tempfile.TemporaryDirectory() as directory:
        parser = DockerfileParser(directory, build_args=arguments)
        parser.content = DOCKERFILE.read_text()
        found = []
        for step in parser.structure:
            if step["instruction"] == "FROM":
                found.append([])
            if found and step["instruction"] != "COMMENT":
                found[-1].append((step["instruction"], step["value"]))
        return found


class Stage:
    """The build stage: its shell lines, collected and run in one go."""

    def __init__(self, layer):
        self.layer, self.lines, self.workdir = layer, [], "/"

    def step(self, instruction, value, arguments):
        match instruction:
            case "FROM":
                assert re.fullmatch(r"rust:\S+ AS build", value), value
            case "WORKDIR":
                self.workdir = value
                self.lines.append(f"mkdir -p {value} && cd {value}")
            case "ARG":
                name, _, default = value.partition("=")
                self.lines.append(f"export {name}={shlex.quote(arguments.get(name, default.strip(chr(34))))}")
            case "COPY":
                assert value == ". .", value
                self.lines.append(f"cp -a /context/. {self.workdir}")
            case "RUN":
                mounts = re.findall(r"--mount=type=cache,target=(\S+)", value)
                for target in mounts:
                    name = target.strip("/").replace("/", "-")
                    self.lines.append(f"mkdir -p {target} && mount --bind /caches/{name} {target}")
                self.lines.append(re.sub(r"--mount=\S+\s+", "", value))
            case _:
                raise AssertionError(f"{instruction} is not known here")

    def run(self, keep):
        """Runs the lines; copies the path `keep` of the layer out."""
        cargo = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
        sysroot = ran("rustc", "--print", "sysroot").strip()
        caches = CACHE / "caches"
        for name in ("usr-local-cargo-registry", "src-target"):
            (caches / name).mkdir(parents=True, exist_ok=True)
        registry = pathlib.Path(cargo, "registry")
        # The image has Cargo's home here; the toolchain is this machine's.
        inside = "\n".join(["set -e", "export CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/nowhere HOME=/root "
                            f"PATH={sysroot}/bin:/usr/local/bin:/usr/bin:/bin; unset CARGO_TARGET_DIR RUSTFLAGS", *self.lines])
        script = f"""set -e
            mount -t tmpfs tmpfs {self.layer}; cd {self.layer}; mkdir upper work root
            mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
            mount --rbind /dev root/dev; mount -t proc proc root/proc
            mkdir -p root/context root/caches
            mount --bind {CACHE}/context root/context; mount --bind {caches} root/caches
            mount --bind {registry} root/caches/usr-local-cargo-registry
            chroot root sh -c {shlex.quote(inside)}
            cp -a upper{keep} {CACHE}/out"""
        ran(*AS_ROOT, "unshare", "--mount", "--pid", "--fork", "sh", "-c", script)


class Image:
    """The second stage: a directory, and what a container of it is started with."""

    def __init__(self, root):
        self.root, self.environment, self.user, self.entry, self.health, self.stop = root, {}, None, None, None, None

    def step(self, instruction, value):
        match instruction:
            case "FROM":
                assert value == "scratch", value
            case "COPY":
                source, target = re.fullmatch(r"--from=build (\S+) (/\S+)", value).groups()
                shutil.copy2(CACHE / "out" / pathlib.Path(source).name, f"{self.root}{target}")
            case "ENV":
                self.environment |= dict(pair.split("=", 1) for pair in shlex.split(value))
            case "USER":
                self.user = value.split(":")
            case "HEALTHCHECK":
                self.health = json.loads(value.partition(" CMD ")[2])
            case "ENTRYPOINT":
                self.entry = json.loads(value)
            case "STOPSIGNAL":
                self.stop = value
            case "LABEL" | "EXPOSE":
                pass
            case _:
                raise AssertionError(f"{instruction} is not known here")

    def command(self, words):
        """A process of the image: its root, its user, no privileges, none of this machine's environment."""
        user, group = self.user
        return [*AS_ROOT, "env", "-i", *(f"{name}={value}" for name, value in self.environment.items()), shutil.which("chroot"),
                f"--userspec={user}:{group}", "--groups=", self.root, *words]


def built():
    """The image, from the Dockerfile's own steps; Cargo's profile is the quick one."""
    arguments = {"PROFILE": "unoptimised", "BUILD_COMMIT": COMMIT}
    for name in ("context", "out"):
        shutil.rmtree(CACHE / name, ignore_errors=True)
    context(CACHE / "context")
    build, last = stages(arguments)
    with tempfile.TemporaryDirectory() as layer:
        stage = Stage(layer)
        for instruction, value in build:
            stage.step(instruction, value, arguments)
        stage.run("/out")
    root = tempfile.mkdtemp()
    os.chmod(root, 0o755)
    image = Image(root)
    for instruction, value in last:
        image.step(instruction, value)
    return image


@check("the image is built by its own steps, and serves, answers its probe and drains in an empty root")
async def _(report):
    image = built()
    try:
        assert [path.name for path in pathlib.Path(image.root).iterdir()] == ["tickcast"]
        said = ran("file", f"{image.root}/tickcast")
        assert re.search(r"static(-pie|ally) linked", said) and "interpreter" not in said, said
        assert "statically linked" in ran("ldd", f"{image.root}/tickcast", env=os.environ | {"LC_ALL": "C"})
        assert COMMIT[:12] in ran(*image.command(["/tickcast", "--version"]))
        # The sources' place is not in what is given away.
        strings = pathlib.Path(image.root, "tickcast").read_bytes()
        assert str(ROOT).encode() not in strings and b"/src/src/main.rs" not in strings
        # Another port than the image's, for that one may be taken here: a variable, as in a container.
        image.environment["TICKCAST_LISTEN"] = f"0.0.0.0:{free_port()}"
        process = subprocess.Popen(image.command(image.entry), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert "listening on" in process.stdout.readline()

            async def healthy(*more):
                probe = image.command([*image.health, *more])
                return subprocess.run(probe, stderr=subprocess.DEVNULL).returncode == 0

            await until("the image's own health check", healthy)
            await until("the first tick", lambda: healthy("--ready"))
            process.send_signal(signal.Signals[image.stop])
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
        gone = subprocess.run(image.command(image.health), capture_output=True, text=True)
        assert gone.returncode == 1 and "cannot connect" in gone.stderr, gone
        report.figure("binary", os.path.getsize(f"{image.root}/tickcast") // 1_000_000, "MB, unoptimised")
    finally:
        shutil.rmtree(image.root)
