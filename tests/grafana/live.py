"""Checks against a real Prometheus that scrapes real servers: every question has an answer, every alert fires."""

import asyncio
import math
import re
import subprocess

from causes import ABOUT_TIME, CAUSED, late
from judge import check, until
from prometheus import RUNBOOKS
from server import BINARY
from tree import BOARDS, alerts, queries

# What main.py has started: the Prometheus and the ward of servers.
STAGE = {}
RANGE_S = 60
# Grafana writes these into a question; `$__rate_interval` is four scrapes.
GRAFANA_OWN = {"$__rate_interval": "4s", "$__interval": "1s", "$__range": f"{RANGE_S}s"}


def filled(expression, picked):
    for name, value in {**GRAFANA_OWN, **picked}.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, f"a variable is left: {expression}"
    return expression


# What the healthy server has none of.
VENUES = ("connections", "venue_lag", "messages", "missing", "gaps", "duplicates", "resubscribed")
OF_OTHERS = (
    "tickcast_tls_",
    "tickcast_key_server_",
    "tickcast_delayed_",
    "tickcast_venue_faults_",
    *(f"tickcast_feed_{of}" for of in VENUES),
)
# As Grafana writes "All", and one server, into a question.
ALL = {"$job": ".+", "$instance": ".+", "$feed": ".+"}
ONE = {"$job": "tickcast", "$instance": "healthy", "$feed": "(push|sim)"}


async def answer(target, picked):
    """Series with at least one number in them, as Grafana would ask; `None` when there is none."""
    expression = filled(target["expr"], picked)
    if target["instant"]:
        found = await STAGE["prometheus"].instant(expression)
        values = [[one["value"]] for one in found]
    else:
        found = await STAGE["prometheus"].over(expression, RANGE_S)
        values = [one["values"] for one in found]
    finite = [any(math.isfinite(float(value)) for _, value in one) for one in values]
    return found if any(finite) else None


@check("the healthy server under load: ticks are delivered, conflated and filtered")
async def under_load(report):
    """The load that all questions are asked under; it goes on until the end."""
    healthy = STAGE["ward"].servers["healthy"]
    STAGE["load"] = subprocess.Popen(
        [BINARY, "load", "--url", healthy.ws, "--clients", "40", "--symbols-per-client", "10", "--interval-ms", "50"]
        + ["--duration", "600s"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    STAGE["ward"].stream(healthy, "?symbols=SIM-*&fields=open")
    for account in ("delivered", "conflated", "filtered"):
        question = f'rate(tickcast_updates_{account}_total{{instance="healthy"}}[10s]) > 10'
        await until(question, lambda: STAGE["prometheus"].instant(question))


@check("every question of every panel has an answer")
async def panels_have_data(report):
    asked = 0
    for picked in (ONE, ALL):
        for where, target in queries():
            # Alerts fire when servers are sick: asked below, when they do.
            if target["expr"].startswith("ALERTS"):
                continue
            # The healthy server speaks without TLS, asks no key server, delays nothing, and has no venue
            # and no faults of one; others do.
            if picked is ONE and any(of in target["expr"] for of in OF_OTHERS):
                continue
            found = await until(f"an answer to {where}: {target['expr']}", lambda: answer(target, picked))
            for name in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert all(name in one["metric"] for one in found), f"{where}: no series has the label {name}"
            asked += 1
    report.figure("answered", asked, "questions")


@check("every variable has values")
async def variables_have_values(report):
    asked = 0
    for name, board in BOARDS.items():
        for variable in board["templating"]["list"]:
            if variable["type"] != "query":
                continue
            question = filled(variable["query"]["query"], ALL)
            match, label = re.fullmatch(r"label_values\((.+), (\w+)\)", question).groups()
            series = await STAGE["prometheus"].series(match)
            assert {one[label] for one in series}, f"{name}: ${variable['name']} has no value"
            asked += 1
    report.figure("asked", asked)


def register(alert, instance, how):
    @check(f"{alert} fires: {how}")
    async def fires(report):
        found = await until(f"{alert} of {instance}", lambda: STAGE["prometheus"].firing(alert, instance))
        for one in found:
            said = one["annotations"]
            assert said["runbook_url"] == f"{RUNBOOKS}docs/OPERATIONS.md#{alert.lower()}", said
            text = said["summary"] + said["description"]
            assert "<no value>" not in text and "<error" not in text and "{{" not in text, text
            assert instance is None or instance in said["summary"], f"{said['summary']} does not say where"


@check("an alert has a cause in this suite, and each cause an alert")
async def all_caused(report):
    assert set(CAUSED) == {rule["alert"] for rule in alerts()}


LAST = ["TickcastFeedLag", "TickcastAbsent"]
for _alert, (_instance, _how) in CAUSED.items():
    if _alert not in LAST:
        register(_alert, _instance, _how)


@check("boards show the alerts that fire, and the starts and drains that were")
async def alerts_are_shown(report):
    for where, target in queries():
        if target["expr"].startswith("ALERTS"):
            await until(f"an answer to {where}", lambda: answer(target, ALL))
    for board in BOARDS.values():
        for mark in board["annotations"]["list"]:
            expression = filled(mark["expr"], ALL)
            await until(f"{mark['name']}: {expression}", lambda: STAGE["prometheus"].over(expression, 300))


@check("the healthy server under load has none of these alerts")
async def healthy_is_quiet(report):
    found = await STAGE["prometheus"].instant('count by (alertname) (count_over_time(ALERTS{instance="healthy"}[10m]))')
    names = {one["metric"]["alertname"] for one in found}
    assert names <= ABOUT_TIME, f"{names - ABOUT_TIME} of a healthy server"
    assert STAGE["load"].poll() is None, "the load had ended before the end"


@check("TickcastFeedLag fires: a simulation faster than any machine")
async def feed_lag(report):
    await late(STAGE["ward"])
    await until("TickcastFeedLag of late", lambda: STAGE["prometheus"].firing("TickcastFeedLag", "late"))
    STAGE["ward"].stop("late")


@check("TickcastAbsent fires: every target was removed")
async def absent(report):
    STAGE["prometheus"].scrape_nothing()
    found = await until("TickcastAbsent", lambda: STAGE["prometheus"].firing("TickcastAbsent"))
    assert found[0]["annotations"]["runbook_url"].endswith("#tickcastabsent")
