"""Computing `asset_daily` from `student_day` and `events`, in ClickHouse.

A row of `asset_daily` carries fingerprints of the versions that it was computed from. Whatever differs from the tables'
fingerprints is computed again, so nothing has to be remembered between two runs and none can be missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import date, datetime

    from clickhouse_connect.driver.client import Client

    from sinks.templates import Installation

__all__ = ["Change", "changed_since", "refresh", "refresh_all", "refresh_since", "server_time"]

# Tutorials of one statement when all are checked; bounds its memory.
_TUTORIALS: Final = 200
# A row is dated when its insert begins and seen when it ends.
_OVERLAP: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Change:
    """What may have to be computed again: tutorials, and the UTC days on which facts arrived (None: every day)."""

    assets: tuple[str, ...]
    days: tuple[date, ...] | None = None


def _statement(name: str, installation: Installation, **values: Any) -> str:
    text = files("sinks.daily").joinpath(f"{name}.sql").read_text("utf-8")
    return Template(text).substitute(derived=installation.derived, **values)


def server_time(client: Client) -> datetime:
    """ClickHouse's clock, by which rows are dated when they are written."""
    (row,) = client.query("SELECT now64(6, 'UTC')").result_rows
    now: datetime = row[0]
    return now


def changed_since(client: Client, installation: Installation, since: datetime) -> tuple[Change, ...]:
    """What rows written since an instant of ClickHouse's clock are about."""
    rows = client.query(
        _statement("changed", installation), parameters={"since": since.strftime("%Y-%m-%d %H:%M:%S.%f")}
    ).result_rows
    whole = {str(asset) for asset, _, every_day in rows if every_day}
    others = {str(asset) for asset, _, _ in rows} - whole
    days = sorted({day for asset, day, _ in rows if day is not None and str(asset) in others})
    return Change(tuple(sorted(whole))), Change(tuple(sorted(others)), tuple(days))


def refresh(client: Client, installation: Installation, *changes: Change, forced: bool = False) -> None:
    """Make `asset_daily` right for these tutorials; on return it is visible.

    Days before a tutorial's first change are found too: every day whose students' scores are not those that its row
    was computed from. Safe to call at any time, from several processes: the last one's rows count, and a row from an
    older view of the tables is found and replaced by the next call. `forced` computes every day again, for a row that
    was replaced by another one of the same version leaves the fingerprints as they were.
    """
    for change in changes:
        if change.assets:
            client.command(
                _statement("refresh", installation, every_day=int(change.days is None), forced=int(forced)),
                parameters={"assets": list(change.assets), "days": [str(day) for day in change.days or ()]},
                # Rows of two runs may well be equal; they are never repeats of one insert.
                settings={"insert_deduplicate": 0},
            )


def refresh_all(client: Client, installation: Installation) -> None:
    """Make `asset_daily` right for every tutorial and day."""
    rows = client.query(
        "SELECT DISTINCT toString(asset_slug) FROM {derived:Identifier}.events UNION DISTINCT "
        "SELECT DISTINCT toString(asset_slug) FROM {derived:Identifier}.student_day UNION DISTINCT "
        "SELECT DISTINCT toString(asset_slug) FROM {derived:Identifier}.asset_daily",
        parameters={"derived": installation.derived},
    ).result_rows
    assets = sorted(str(asset) for (asset,) in rows)
    for first in range(0, len(assets), _TUTORIALS):
        refresh(client, installation, Change(tuple(assets[first : first + _TUTORIALS])))


def refresh_since(client: Client, installation: Installation, since: datetime | None) -> datetime:
    """Make `asset_daily` right where it was so at `since`, an instant of ClickHouse's clock; everywhere for None.

    Returns the instant for the next time.
    """
    now = server_time(client)
    if since is None:
        refresh_all(client, installation)
    else:
        refresh(client, installation, *changed_since(client, installation, since - _OVERLAP))
    return now
