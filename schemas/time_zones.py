"""Time zones by their IANA names."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

__all__ = ["time_zone"]


@cache
def _known() -> frozenset[str]:
    # Python takes any file below the database's folder for a zone, and looks at the disk for each name.
    return frozenset(available_timezones())


def time_zone(name: str) -> ZoneInfo:
    """The zone of a name such as Europe/Madrid; raises ValueError, of the field `timezone`, where there is none."""
    if name not in _known():
        message = f"`timezone` must be an IANA name such as Europe/Madrid, not {name!r:.60}"
        raise ValueError(message)
    return ZoneInfo(name)
