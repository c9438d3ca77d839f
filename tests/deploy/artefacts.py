"""What a release holds: pages, scripts, the package's list of files. The package itself is built by deploy/release.sh."""

import pathlib
import re
import subprocess
import tempfile
import tomllib

from common import BINARY, ROOT, ran, text
from judge import check

SCRIPTS = ("deploy/static.sh", "deploy/release.sh", "tests/deploy/run.sh", "tests/deploy/package.sh", "tests/deploy/boot.sh")
# What release.sh makes before it packs; everything else has to be in the tree.
MADE = ("target/release/tickcast", "target/artefacts/")


@check("shellcheck has nothing to say of the scripts")
async def _(report):
    for script in SCRIPTS:
        ran("shellcheck", ROOT / script)
        assert (ROOT / script).stat().st_mode & 0o111, script


def pages_of(page, *command):
    """The names of the pages of a command and of those below it, as its help lists them."""
    _, _, commands = ran(BINARY, *command, "--help").partition("\nCommands:\n")
    listed = re.findall(r"^  (\w+) ", commands.split("Options:")[0], re.M)
    below = [pages_of(f"{page}-{name}", *command, name) for name in listed if name != "help"]
    return [page, *(name for names in below for name in names)]


@check("there is a manual page for each command, without a warning")
async def _(report):
    with tempfile.TemporaryDirectory() as directory:
        ran(BINARY, "man", directory)
        pages = sorted(path.stem for path in pathlib.Path(directory).iterdir())
        assert pages == sorted(pages_of("tickcast")), pages
        for path in pathlib.Path(directory).iterdir():
            shown = subprocess.run(["man", "--warnings", "-l", "-Tutf8", path], capture_output=True, text=True)
            assert shown.returncode == 0 and not shown.stderr, (path.name, shown.stderr)
        assert "--allow-origin" in pathlib.Path(directory, "tickcast.1").read_text().replace("\\-", "-")


@check("an archive of the source knows its commit, without git")
async def _(report):
    # git writes it there by .gitattributes; src/cli/version.rs reads it, which its tests hold.
    commit = ran("git", "-C", ROOT, "log", "-1", "--format=%H %cs").strip()
    with tempfile.TemporaryDirectory() as directory:
        ran("sh", "-c", f"git -C {ROOT} archive HEAD src/cli/commit | tar -x -C {directory}")
        assert pathlib.Path(directory, "src/cli/commit").read_text().strip() == commit
    assert text("src/cli/commit") == "$Format:%H %cs$\n", "the tree itself names no commit"


@check("the package has what belongs into it, and all of it exists")
async def _(report):
    package = tomllib.loads(text("Cargo.toml"))["package"]["metadata"]["deb"]
    targets = {}
    for source, target, mode in package["assets"]:
        found = list(ROOT.glob(source)) if not source.startswith(MADE) else [source]
        assert found, f"{source} does not exist"
        targets |= {target + pathlib.Path(path).name if target.endswith("/") else target: source for path in found}
        assert re.fullmatch(r"(644|755)", mode), (source, mode)
    script = text("deploy/release.sh")
    for made in MADE:
        assert made.rstrip("/") in script, f"release.sh makes no {made}"
    for needed in ("usr/bin/tickcast", "etc/tickcast/tickcast.toml", "etc/default/tickcast",
                   "usr/share/man/man1/*.1", "usr/share/bash-completion/completions/tickcast",
                   "usr/share/zsh/vendor-completions/_tickcast", "usr/share/fish/vendor_completions.d/tickcast.fish"):
        assert needed in targets, f"the package has no {needed}"
    unit = package["systemd-units"]
    for ending in ("service", "sysusers"):
        assert (ROOT / unit["unit-scripts"] / f"{unit['unit-name']}.{ending}").is_file(), ending
    # Without it, cargo-deb makes no script, and neither user nor unit would be set up.
    assert package["maintainer-scripts"] == unit["unit-scripts"]
    # Every file that the unit and the configuration point to.
    named = re.findall(r"(/etc/[\w./-]+|/usr/bin/\w+|/usr/share/doc/tickcast/\w+\.md)", text("deploy/systemd/tickcast.service") + text("deploy/systemd/tickcast.toml"))
    # The operator's own, which no package brings.
    own = {"/etc/tickcast/cert.pem", "/etc/tickcast/key.pem"}
    for path in set(named) - own:
        assert path[1:] in targets, f"{path} is named, and not in the package"
