"""A board against Grafana's own schema, as the package grafana-foundation-sdk (by Grafana Labs, made from it) has it.

The package reads JSON into typed objects and drops in silence what it does not know. So two things are asked: whether
what it writes again has everything that was read, and whether each value is of the type that the schema gives it.
"""

import enum
import json
import re
import types
import typing

from grafana_foundation_sdk.cog import encoder, plugins
from grafana_foundation_sdk.models import dashboard, units

plugins.register_default_plugins()

UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}
# Where the schema says nothing.
FREE = (object, typing.Any)
# Grafana's own plugin for Prometheus reads these of an annotation; they are in no schema.
PLUGIN = re.compile(r"\.annotations\.list\[\d+\]\.(titleFormat|textFormat|step|useValueForTime)$")


def faults(board):
    """What is wrong with a board; empty when nothing is."""
    model = dashboard.Dashboard.from_json(board)
    written = json.loads(encoder.JSONEncoder().encode(model))
    return [*_lost(board, written, ""), *_ill_typed(model, dashboard.Dashboard, "")]


def _lost(read, written, path):
    if isinstance(read, dict) and isinstance(written, dict):
        for key, value in read.items():
            if key in written:
                yield from _lost(value, written[key], f"{path}.{key}")
            elif value is not None and not PLUGIN.search(f"{path}.{key}"):
                yield f"{path}.{key}: the schema has no such key"
    elif isinstance(read, list) and isinstance(written, list) and len(read) == len(written):
        for place, (one, other) in enumerate(zip(read, written)):
            yield from _lost(one, other, f"{path}[{place}]")
    elif read != written:
        yield f"{path}: {read!r} became {written!r}"


def _ill_typed(value, expected, path):
    origin, inner = typing.get_origin(expected), typing.get_args(expected)
    if expected in FREE or isinstance(expected, typing.TypeVar):
        pass
    elif origin in (typing.Union, types.UnionType):
        inner = [one for one in inner if one is not type(None) or value is None]
        inner = [one for one in inner if one is type(value)] or inner
        if len(inner) == 1:
            yield from _ill_typed(value, inner[0], path)
        elif not any(not list(_ill_typed(value, one, path)) for one in inner):
            yield f"{path}: {value!r} is none of {inner}"
    elif origin is typing.Literal:
        if value not in inner:
            yield f"{path}: {value!r} is none of {inner}"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{path}: {value!r} is not a list"
            return
        for place, item in enumerate(value):
            yield from _ill_typed(item, inner[0], f"{path}[{place}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is not an object"
            return
        for key, item in value.items():
            yield from _ill_typed(item, inner[1], f"{path}.{key}")
    elif isinstance(expected, type) and issubclass(expected, enum.Enum):
        if value not in [one.value for one in expected]:
            yield f"{path}: {value!r} is no {expected.__name__}: {[one.value for one in expected]}"
    elif expected is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield f"{path}: {value!r} is not a number"
    elif expected is int:
        if isinstance(value, bool) or not isinstance(value, int):
            yield f"{path}: {value!r} is not a whole number"
    elif isinstance(value, dict) and hasattr(expected, "from_json"):
        # The package leaves some parts as they were read.
        yield from _members(expected.from_json(value), path)
    elif isinstance(expected, type):
        if not isinstance(value, expected):
            yield f"{path}: {value!r} is no {expected.__name__}"
        elif hasattr(value, "to_json"):
            yield from _members(value, path)


def _members(value, path):
    hints = typing.get_type_hints(type(value))
    for name, member in vars(value).items():
        # An object of a panel's own kind stands where the dashboard's schema says only `object`.
        expected = hints.get(name, object)
        if hasattr(member, "to_json") and expected in (object, typing.Optional[object]):
            expected = type(member)
        yield from _ill_typed(member, expected, f"{path}.{name}")
