"""A real Prometheus of our own: on a free loopback port, with its own data, scraping what it is told to."""

import asyncio
import json
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from judge import until
from tree import RULES, shortened

SCRAPE_S = 1
RUNBOOKS = "https://docs.example.com/tickcast/"


class Prometheus:
    """`async with Prometheus() as prometheus:`; targets are added and removed while it runs."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.directory.name)
        self.targets = {}

    async def __aenter__(self):
        for path in RULES:
            (self.root / path.name).write_text(shortened(path.read_text()))
        self._write_targets()
        config = {
            "global": {
                "scrape_interval": f"{SCRAPE_S}s",
                "scrape_timeout": f"{SCRAPE_S}s",
                "evaluation_interval": f"{SCRAPE_S}s",
                "external_labels": {"runbooks": RUNBOOKS},
            },
            "rule_files": [str(self.root / path.name) for path in RULES],
            "scrape_configs": [
                {"job_name": "tickcast", "file_sd_configs": [{"files": [str(self.root / "targets.json")], "refresh_interval": "1s"}]}
            ],
        }
        # JSON is YAML.
        (self.root / "prometheus.yml").write_text(json.dumps(config))
        self.log = open(self.root / "log", "w+")
        await until("Prometheus to be ready", self._started)
        return self

    async def __aexit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.directory.cleanup()

    async def _started(self):
        """Starts it when it does not run: between our choice of a free port and its use somebody else may take it."""
        if not hasattr(self, "process") or self.process.poll() is not None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
            self.process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self.root / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.root / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--log.level=warn",
                ],
                stdout=self.log,
                stderr=self.log,
            )
        try:
            return await asyncio.to_thread(self._get, "/-/ready")
        except (urllib.error.URLError, ConnectionError):
            return None

    def _get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as reply:
            return reply.read().decode()

    def _write_targets(self):
        groups = [{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": name}} for name, port in self.targets.items()]
        new = self.root / "targets.new"
        new.write_text(json.dumps(groups))
        new.rename(self.root / "targets.json")

    def scrape(self, instance, port):
        """Scrapes this port as the instance from now on; another port of before is forgotten."""
        self.targets[instance] = port
        self._write_targets()

    def scrape_nothing(self):
        self.targets.clear()
        self._write_targets()

    async def api(self, path, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        try:
            text = await asyncio.to_thread(self._get, f"/api/v1/{path}?{query}")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from error
        return json.loads(text)["data"]

    async def instant(self, expression):
        return (await self.api("query", query=expression))["result"]

    async def over(self, expression, seconds):
        """As a panel asks: over a time until now."""
        now = time.time()
        found = await self.api("query_range", query=expression, start=now - seconds, end=now, step=SCRAPE_S)
        return found["result"]

    async def series(self, match):
        return await self.api("series", **{"match[]": match})

    async def firing(self, alert, instance=None):
        """The alerts of this name that fire, with labels and annotations."""
        return [
            found
            for found in (await self.api("alerts"))["alerts"]
            if found["labels"]["alertname"] == alert
            and found["state"] == "firing"
            and (instance is None or found["labels"].get("instance") == instance)
        ]
