"""Shapes of a Grafana dashboard: panels, queries, variables, the grid.

What a panel shows is in the file of its board; here is only how Grafana wants it written. Each function gives plain
dictionaries. Ids and places on the grid are dealt out in `board`, so that no two panels can have the same.
"""

# The Grafana whose schema the tests compare with reads this, and newer ones migrate it.
SCHEMA_VERSION = 38
GRID_WIDTH = 24

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# What each question about one server's metrics is narrowed by.
PICKED = 'job=~"$job", instance=~"$instance"'

GREEN, YELLOW, RED = "green", "yellow", "red"


def query(expr, legend="", instant=False, format="time_series"):
    """One question. `$` in `expr` alone in braces, `{$}`, stands for the variables of the board."""
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expr.replace("{$}", "{" + PICKED + "}").replace("{$,", "{" + PICKED + ","),
        "format": format,
        "instant": instant,
        "range": not instant,
        "legendFormat": legend or "__auto",
    }


def steps(*rising):
    """Thresholds: `steps((0.1, YELLOW), (0.25, RED))` is green below the first."""
    return [{"color": GREEN, "value": None}] + [{"color": color, "value": value} for value, color in rising]


def at_least(good):
    """Thresholds of what must not fall: red below `good`."""
    return [{"color": RED, "value": None}, {"color": GREEN, "value": good}]


def _panel(kind, title, description, queries, width, height, unit, options, **defaults):
    targets = [{**target, "refId": chr(ord("A") + place)} for place, target in enumerate(queries)]
    thresholds = defaults.pop("thresholds", steps())
    overrides = defaults.pop("overrides", [])
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": width, "h": height},
        "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": unit, "thresholds": {"mode": "absolute", "steps": thresholds}, **defaults},
            "overrides": overrides,
        },
        "options": options,
    }


def _mappings(words):
    """Values that are shown as words: value, word, colour."""
    return [
        {"type": "value", "options": {value: {"text": text, "color": color, "index": place}}}
        for place, (value, text, color) in enumerate(words)
    ]


def stat(title, description, expr, unit, thresholds, width=4, decimals=None, words=(), instant=True):
    """One figure, coloured by its thresholds. `words` shows some values as words."""
    extra = {} if decimals is None else {"decimals": decimals}
    return _panel(
        "stat",
        title,
        description,
        [query(expr, instant=instant)],
        width,
        4,
        unit,
        {
            "colorMode": "background",
            "graphMode": "none" if instant else "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "value",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        thresholds=thresholds,
        mappings=_mappings(words),
        **extra,
    )


def lines(title, description, queries, unit, width=12, height=8, stack=False, log=False, limit=None, overrides=(), top=None):
    """Lines over time. `limit` draws a threshold; `stack` piles them up; `top` fixes the axis' upper end."""
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 60 if stack else 8,
        "showPoints": "never",
        "spanNulls": False,
        "axisPlacement": "auto",
        "axisLabel": "",
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
        "thresholdsStyle": {"mode": "off" if limit is None else "dashed"},
    }
    axis = {} if log else {"min": 0}
    if top is not None:
        axis["max"] = top
    return _panel(
        "timeseries",
        title,
        description,
        queries,
        width,
        height,
        unit,
        {
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        thresholds=steps() if limit is None else steps((limit, RED)),
        custom=custom,
        overrides=list(overrides),
        **axis,
    )


def as_line(name, color):
    """An override: in a stacked panel, this series is a line before the pile."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [
            {"id": "custom.stacking", "value": {"mode": "none", "group": "A"}},
            {"id": "custom.fillOpacity", "value": 0},
            {"id": "custom.lineWidth", "value": 2},
            {"id": "color", "value": {"mode": "fixed", "fixedColor": color}},
        ],
    }


def on_the_right(name, unit):
    """An override: this series has a unit of its own, and the axis on the right."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "unit", "value": unit}, {"id": "custom.axisPlacement", "value": "right"}],
    }


def colored(name, color):
    """An override: this series has this colour, on every board."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}],
    }


def heatmap(title, description, expr, width=12, height=8):
    """A histogram over time; the buckets are Prometheus's own."""
    return _panel(
        "heatmap",
        title,
        description,
        [query(expr, "{{le}}", format="heatmap")],
        width,
        height,
        "short",
        {
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange", "reverse": False},
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"show": True, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": "s"},
        },
    )


def states(title, description, expr, legend, words, width=12, height=8):
    """What was in which state, and when."""
    return _panel(
        "state-timeline",
        title,
        description,
        [query(expr, legend)],
        width,
        height,
        "none",
        {
            "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "mergeValues": True,
            "rowHeight": 0.9,
            "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        },
        mappings=_mappings(words),
        custom={"fillOpacity": 70, "lineWidth": 0},
    )


def bars(title, description, queries, unit, width=12, height=8):
    """Shares beside each other, one bar for each."""
    return _panel(
        "bargauge",
        title,
        description,
        queries,
        width,
        height,
        unit,
        {
            "displayMode": "basic",
            "minVizHeight": 10,
            "minVizWidth": 0,
            "orientation": "horizontal",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "showUnfilled": True,
            "valueMode": "color",
        },
        min=0,
        max=1,
    )


def table(title, description, expr, hidden, width=24, height=6):
    """A table of what is so now; the columns in `hidden` are left out."""
    panel = _panel(
        "table",
        title,
        description,
        [query(expr, instant=True, format="table")],
        width,
        height,
        "none",
        {"cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "countRows": False}, "frameIndex": 0, "showHeader": True},
    )
    panel["transformations"] = [
        {"id": "organize", "options": {"excludeByName": {name: True for name in hidden}, "indexByName": {}, "renameByName": {}}}
    ]
    return panel


def words(title, markdown, width=12, height=8):
    """A text for who looks at the board."""
    return {
        "type": "text",
        "title": title,
        "description": "What to do with what this board shows.",
        "gridPos": {"w": width, "h": height},
        "options": {"mode": "markdown", "content": markdown},
    }


def row(title):
    """A heading over the panels that follow."""
    return {"type": "row", "title": title, "collapsed": False, "gridPos": {"w": GRID_WIDTH, "h": 1}, "panels": []}


def variable(name, label, question):
    """A variable whose values Prometheus tells; several, or all, can be picked."""
    expr = question.replace("{$job}", '{job=~"$job"}').replace("{$}", "{" + PICKED + "}")
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": {"query": expr, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "skipUrlSync": False,
    }


def datasource_variable():
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "skipUrlSync": False,
    }


def annotation(name, color, expr, title, text):
    """Marks on every panel of a board, where `expr` has a value."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": color,
        "expr": expr.replace("{$}", "{" + PICKED + "}"),
        "titleFormat": title,
        "textFormat": text,
        "step": "",
        "useValueForTime": False,
    }


def board(uid, title, description, panels, variables=()):
    """A dashboard: deals out ids and places, row by row, and adds what all boards have."""
    left, top, tallest = 0, 0, 0
    placed = []
    for number, panel in enumerate(panels, 1):
        width, height = panel["gridPos"]["w"], panel["gridPos"]["h"]
        if left + width > GRID_WIDTH:
            left, top, tallest = 0, top + tallest, 0
        placed.append({**panel, "id": number, "gridPos": {"x": left, "y": top, "w": width, "h": height}})
        left, tallest = left + width, max(tallest, height)
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["tickcast"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "",
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "liveNow": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [
            {
                "type": "dashboards",
                "title": "tickcast",
                "icon": "external link",
                "tooltip": "The other boards, with the same variables and the same time",
                "tags": ["tickcast"],
                "asDropdown": False,
                "targetBlank": False,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "annotations": {
            "list": [
                annotation("Starts", "blue", "resets(tickcast_uptime_seconds{$}[1m]) > 0", "started", "{{instance}}"),
                annotation("Drains", "orange", "tickcast_draining{$} == 1", "drains", "{{instance}}"),
            ]
        },
        "templating": {
            "list": [
                datasource_variable(),
                variable("job", "Job", "label_values(tickcast_build_info, job)"),
                variable("instance", "Instance", "label_values(tickcast_build_info{$job}, instance)"),
                *variables,
            ]
        },
        "panels": placed,
    }
