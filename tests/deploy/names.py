"""What the files name has to exist: keys, metrics, flags, files, kernel settings; and configurations have to be valid."""

import pathlib
import re
import tempfile

from common import BINARY, DEPLOY, ROOT, checked, documents, family, metrics, ran, substituted, text
from judge import check

FILES = sorted(path.relative_to(ROOT) for path in DEPLOY.rglob("*") if path.is_file())


def variables_of_the_image():
    return dict(re.findall(r"^ENV (\w+)=(\S+)$", text("deploy/docker/Dockerfile"), re.M))


@check("every configuration is valid, and says what it is meant to")
async def _(report):
    unit = checked("--config", "deploy/systemd/tickcast.toml")
    assert unit["listen"] == "127.0.0.1:8080" and unit["log.format"] == "json", unit

    image = variables_of_the_image()
    assert checked(**image)["listen"] == "0.0.0.0:8080"

    (compose,) = documents("deploy/docker/compose.yaml")
    given = compose["services"]["tickcast"]["environment"]
    assert checked(**image, **given)["limits.sessions_per_address"] == "10000"

    (config,) = documents("deploy/kubernetes/configmap.yaml")
    (deployment,) = documents("deploy/kubernetes/deployment.yaml")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    given = {variable["name"]: variable["value"] for variable in container["env"]}
    (mount,) = container["volumeMounts"]
    directory, _, name = given["TICKCAST_CONFIG"].rpartition("/")
    assert directory == mount["mountPath"], "the variable names a file in the volume"
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(config["data"][name])
        file.flush()
        pod = checked(**(image | given | {"TICKCAST_CONFIG": file.name}))
    assert pod["listen"] == "0.0.0.0:8080", pod
    # What an ingress brings all has its address.
    assert pod["limits.sessions_per_address"] == pod["limits.sessions"], pod


@check("keys, metrics and flags that the files name exist")
async def _(report):
    keys, known = set(checked()), metrics()
    commands = ["serve", "load", "watch", "replay", "info", "convert", "record", "scenarios", "check", "token", "health", "usage"]
    helps = [ran(BINARY, "--help")] + [ran(BINARY, command, "--help") for command in commands]
    flags = set(re.findall(r"--[\w-]+", "".join(helps)))
    faults, seen = [], {"key": 0, "metric": 0, "flag": 0}

    def must(what, name, where, path):
        seen[what] += 1
        if name not in where:
            faults.append(f"{path}: {what} {name}")

    for path in FILES:
        source = text(path)
        for key in re.findall(r"\b((?:limits|log)\.[a-z_]+)\b", source):
            must("key", key, keys, path)
        for name in re.findall(r"\b(TICKCAST_[A-Z_]+)\b", source):
            if name not in ("TICKCAST_CONFIG", "TICKCAST_SERVICE_HOST"):
                must("key", name, {"TICKCAST_" + key.upper().replace(".", "_") for key in keys}, path)
        for name in re.findall(r"\btickcast_[a-z_]+\b", source):
            # Names of nginx's own zone, map and cache.
            if path.name == "nginx.conf" and name in ("tickcast_connection", "tickcast_addresses"):
                continue
            must("metric", family(name), known, path)
        for line in re.findall(r"(?<!--bin )\btickcast (?:" + "|".join(commands) + r")?[^`\n|]*", source):
            for flag in re.findall(r"(?<=\s)--[\w-]+", line):
                must("flag", flag, flags, path)
    assert not faults, faults
    assert all(seen.values()), seen
    report.figure("named", ", ".join(f"{count} {what}s" for what, count in seen.items()))


@check("files that the files name exist")
async def _(report):
    (compose,) = documents("deploy/docker/compose.yaml")
    named = []
    for service in compose["services"].values():
        if "build" in service:
            context = pathlib.Path("deploy/docker", service["build"]["context"])
            named += [context, context / service["build"]["dockerfile"]]
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                named.append(pathlib.Path("deploy/docker", source))
            else:
                assert source in compose["volumes"], f"compose.yaml has no volume {source}"
    (kustomization,) = documents("deploy/kubernetes/kustomization.yaml")
    named += [pathlib.Path("deploy/kubernetes", name) for name in kustomization["resources"]]
    for path in FILES:
        if path.suffix == ".md":
            links = re.findall(r"\]\(([^)#]+)", text(path))
            named += [path.parent / link for link in links if "://" not in link]
    for path in ("deploy/docker/Dockerfile.dockerignore",):
        named += [pathlib.Path(line[1:]) for line in text(path).splitlines() if line.startswith("!")]
    lost = [str(path) for path in named if not (ROOT / path).exists()]
    assert named and not lost, lost
    report.figure("named", len(named), "files and directories")


@check("Prometheus takes its configuration")
async def _(report):
    rules = "/etc/prometheus/rules"
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(substituted(text("deploy/docker/prometheus.yml"), **{rules: (str(ROOT / "grafana/rules"), 1)}))
        file.flush()
        ran("promtool", "check", "config", file.name)
    (compose,) = documents("deploy/docker/compose.yaml")
    assert f"../../grafana/rules:{rules}:ro" in compose["services"]["prometheus"]["volumes"]
    (prometheus,) = documents("deploy/docker/prometheus.yml")
    targets = [target for job in prometheus["scrape_configs"] for each in job["static_configs"] for target in each["targets"]]
    assert targets == ["tickcast:8080"] and "tickcast" in compose["services"], targets


@check("the kernel has the settings, and they are enough for 100,000 sessions")
async def _(report):
    lines = [line for line in text("deploy/sysctl/90-tickcast.conf").splitlines() if line and line[0] != "#"]
    settings = dict(line.split(" = ") for line in lines)
    for key, value in settings.items():
        shown = ran("sysctl", "-n", key).split()
        assert len(shown) == len(value.split()), f"{key} has {len(shown)} numbers: {shown}"
        assert all(number.isdigit() for number in value.split()), f"{key} = {value}"
    (files,) = re.findall(r"^LimitNOFILE=(\d+)$", text("deploy/systemd/tickcast.service"), re.M)
    assert int(files) <= int(settings["fs.nr_open"]) <= int(settings["fs.file-max"])
    # The warning says what would be needed.
    said = ran("prlimit", "--nofile=4096:4096", BINARY, "check", "--set", "limits.sessions=100000")
    (needed,) = re.findall(r"limits.sessions = 100000 needs (\d+) open files", said)
    assert int(needed) <= int(files), (needed, files)
