"""What is under test, as files: boards, rules, pages."""

import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "grafana"
RULES = sorted((GRAFANA / "rules").glob("*.yml"))
BOARDS = {path.name: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}
# A name of a metric in a question; what stands behind a colon or before one is a recorded name.
METRIC = re.compile(r"(?<![\w:])((?:tickcast|process)_[a-z_]+)(?![\w:])")
SUFFIXES = ("_bucket", "_sum", "_count")


def alerts():
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"] if "alert" in rule]


def recorded():
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"] if "record" in rule]


def shortened(text):
    """The rules with every `for:` that is not 0 set to one second, and nothing else changed.

    So alerts fire within seconds of their cause. How long they must wait before they do is checked apart, on the rules as
    they are, by promtool's own tests (rules_test.yml).
    """
    rules = yaml.safe_load(text)
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "1s"
    return yaml.safe_dump(rules, sort_keys=False, allow_unicode=True)


def panels(board):
    """Every panel but the headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries():
    """Every question of every panel: where it stands, and the target."""
    return [
        (f"{name}, {panel['title']}, {target['refId']}", target)
        for name, board in BOARDS.items()
        for panel in panels(board)
        for target in panel.get("targets", [])
    ]


def metrics_in(expression):
    # Labels and their values are not metrics.
    bare = re.sub(r"\{[^}]*\}", "", expression)
    return {_family(name) for name in METRIC.findall(bare)}


def _family(name):
    return next((name[: -len(suffix)] for suffix in SUFFIXES if name.endswith(suffix)), name)


def page_metrics():
    """Names in the table of docs/METRICS.md, which a test of the tree compares with the code."""
    page = (ROOT / "docs/METRICS.md").read_text()
    table = page[page.index("<!-- metrics: begin") : page.index("<!-- metrics: end")]
    own = headings("docs/METRICS.md")["the-process"]
    return set(re.findall(r"^\| `(tickcast_\w+)`", table, re.M)) | set(re.findall(r"`(process_\w+)`", own))


def headings(path):
    """Anchors of a page's headings, and below each its text up to the next."""
    sections, anchor = {}, None
    for line in (ROOT / path).read_text().splitlines():
        if line.startswith("#"):
            anchor = re.sub(r"[^\w -]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
            sections[anchor] = []
        elif anchor:
            sections[anchor].append(line)
    return {anchor: "\n".join(lines) for anchor, lines in sections.items()}
