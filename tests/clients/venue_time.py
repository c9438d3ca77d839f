"""Times as venues write them."""

from datetime import datetime, timezone


def micros(text):
    """Of a time such as 2026-08-09T21:05:48.167634Z: microseconds since 1970, exact."""
    whole, _, places = text.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp())
    return seconds * 1_000_000 + int((places + "000000")[:6])
