"""Checks of the files alone: what Grafana and Prometheus would load, and the pages that go with it."""

import asyncio
import sys
import tempfile

import schema
import yaml
from judge import check
from tree import BOARDS, GRAFANA, ROOT, RULES, alerts, headings, metrics_in, page_metrics, panels, queries, recorded, shortened

# On no board and in no rule, and why.
NOT_SHOWN = {
    "tickcast_limits_drain_seconds": "it is for who asks whether a long drain is meant",
    "tickcast_audit_events_total": "it is how busy the clients are, and what is missing is an alert",
    "process_virtual_memory_bytes": "it says nothing of a server of this kind",
    "process_threads": "it is fixed by the configuration",
    "process_start_time_seconds": "tickcast_uptime_seconds says the same to the millisecond",
}


async def run(*command):
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, f"{command[0]} {command[1]}: {output}"
    return output


@check("boards are what grafana/generate.py writes")
async def generated(report):
    await run(sys.executable, GRAFANA / "generate.py", "--check")


@check("boards are valid by Grafana's own schema, units included")
async def valid(report):
    for name, board in BOARDS.items():
        faults = schema.faults(board)
        assert not faults, f"{name}: {faults}"
        units = {panel["fieldConfig"]["defaults"]["unit"] for panel in panels(board) if "fieldConfig" in panel}
        assert units <= schema.UNITS, f"{name}: {units - schema.UNITS} are not units"
    report.figure("boards", len(BOARDS))
    report.figure("panels", sum(len(panels(board)) for board in BOARDS.values()))


@check("the check against the schema finds what is wrong")
async def schema_bites(report):
    def break_(board, change):
        board = yaml.safe_load(yaml.safe_dump(board))
        change(next(panel for panel in board["panels"] if panel["type"] == "timeseries"))
        return schema.faults(board)

    board = next(iter(BOARDS.values()))
    for change in (
        lambda panel: panel.update(colour="red"),
        lambda panel: panel["gridPos"].update(w="12"),
        lambda panel: panel["fieldConfig"]["defaults"]["custom"].update(drawStyle="curve"),
        lambda panel: panel["targets"][0].update(format="tables"),
        lambda panel: panel["options"]["legend"].update(placing="bottom"),
    ):
        assert break_(board, change), "a fault was not found"
    assert not break_(board, lambda panel: None)


@check("boards: ids, places, data sources, descriptions, links")
async def layout(report):
    uids = [board["uid"] for board in BOARDS.values()]
    assert len(set(uids)) == len(uids) and all(f"{board['uid']}.json" == name for name, board in BOARDS.items())
    for name, board in BOARDS.items():
        assert "tickcast" in board["tags"] and board["links"][0]["tags"] == ["tickcast"], name
        assert {"datasource", "job", "instance"} <= {variable["name"] for variable in board["templating"]["list"]}, name
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids), name
        assert len(panels(board)) <= 16, f"{name} has {len(panels(board))} panels"
        taken = {}
        for panel in board["panels"]:
            where, place = f"{name}, {panel['title']}", panel["gridPos"]
            assert place["x"] >= 0 and place["x"] + place["w"] <= 24, where
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    assert (x, y) not in taken, f"{where} lies on {taken[x, y]}"
                    taken[x, y] = panel["title"]
        for panel in panels(board):
            where = f"{name}, {panel['title']}"
            assert len(panel["description"]) > 30 and panel["description"].endswith("."), f"{where}: a description"
            sources = [panel["datasource"]] if "datasource" in panel else []
            sources += [target["datasource"] for target in panel.get("targets", [])]
            assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources), where
            assert panel["type"] == "text" or sources, where


@check("every metric of a board or rule exists, and every metric is shown")
async def metrics(report):
    known, shown = page_metrics(), set()
    asked = [(where, target["expr"]) for where, target in queries()]
    asked += [(rule.get("alert") or rule["record"], rule["expr"]) for rule in alerts() + recorded()]
    names = {rule["record"] for rule in recorded()}
    for where, expression in asked:
        found = metrics_in(expression)
        assert found <= known, f"{where}: {found - known} are not metrics"
        assert found or any(name in expression for name in [*names, "up{", "ALERTS{"]), f"{where} asks for nothing"
        shown |= found
    assert known - shown == set(NOT_SHOWN), f"not shown: {known - shown}, with a reason: {set(NOT_SHOWN)}"
    for rule in recorded():
        assert any(rule["record"] in other["expr"] for other in alerts()), f"{rule['record']} is recorded, and never asked"


@check("promtool: rules, configuration, and what the rules say of made-up series")
async def promtool(report):
    await run("promtool", "check", "rules", *RULES)
    await run("promtool", "check", "config", GRAFANA / "prometheus.yml")
    await run("promtool", "test", "rules", ROOT / "tests/grafana/rules_test.yml")


@check("every alert has a severity, a summary, a first thing to do, and a section of the operator's page")
async def runbooks(report):
    sections = headings("docs/OPERATIONS.md")
    for rule in alerts():
        name, said = rule["alert"], rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        assert said["summary"] and "First" in said["description"], name
        prefix, _, anchor = said["runbook_url"].partition("#")
        assert prefix == "{{ $externalLabels.runbooks }}docs/OPERATIONS.md" and anchor == name.lower(), name
        assert anchor in sections, f"docs/OPERATIONS.md has no section {name}"
        for part in ("**Means**", "**Look**", "**Do**"):
            assert part in sections[anchor], f"the section {name} does not say {part}"
    gone = {anchor for anchor in sections if anchor.startswith("tickcast")} - {rule["alert"].lower() for rule in alerts()}
    assert not gone, f"sections of alerts that are none: {gone}"
    report.figure("alerts", len(alerts()))


@check("rules whose durations are shortened are the same rules")
async def shortening(report):
    changed = 0
    for path in RULES:
        before, after = yaml.safe_load(path.read_text()), yaml.safe_load(shortened(path.read_text()))
        for one, other in zip(before["groups"], after["groups"], strict=True):
            for rule, short in zip(one.pop("rules"), other.pop("rules"), strict=True):
                duration = short.pop("for", None)
                assert (duration is None) == ("for" not in rule)
                assert duration in (None, "1s")
                changed += rule.pop("for", None) is not None
                assert rule == short
            assert one == other
    assert changed > 10
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(shortened(RULES[0].read_text()))
        file.flush()
        await run("promtool", "check", "rules", file.name)


@check("provisioning files say what Grafana asks for, and where the boards are")
async def provisioning(report):
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())
    assert source["apiVersion"] == 1
    for entry in source["datasources"]:
        assert {"name", "type", "access", "url"} <= entry.keys() and entry["type"] == "prometheus"
    boards = yaml.safe_load((GRAFANA / "provisioning/dashboards/tickcast.yml").read_text())
    assert boards["apiVersion"] == 1
    for provider in boards["providers"]:
        assert provider["type"] == "file" and provider["options"]["path"], provider
        path = provider["options"]["path"]
        assert path in (ROOT / "docs/OPERATIONS.md").read_text(), f"docs/OPERATIONS.md does not say {path}"
