"""Compares the scores that the LMS has stored with those here, row by row."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson

from operations.clickhouse import connected
from operations.history.differences import Compared, Here, Kind, compare
from operations.history.scored import COMPARED
from operations.history.sources import ALWAYS, BEGIN
from schemas.lenient import loads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clickhouse_connect.driver.client import Client

    from operations.history.rows import TelemetryRow
    from operations.history.sources import Source
    from schemas.reference.lookup import Reference
    from schemas.settings import Settings

__all__ = ["Comparison", "compare_history", "told"]

_PAGE: Final = 500
_EXAMPLES: Final = 3
_SCORES: Final = """
SELECT user_id, asset_slug, telemetry_id, toUnixTimestamp64Milli(last_interaction_at),
    engagement_score, frustration_score, completion_rate
FROM {database:Identifier}.scores WHERE user_id IN {users:Array(UInt64)}
"""


@dataclass(slots=True)
class Comparison:
    """Rows compared, of `total`, by what was found; and the first of each kind: user, tutorial and detail."""

    total: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    examples: dict[Kind, list[tuple[int, str, str]]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many were compared."""
        return self.kinds.total()

    @property
    def unexplained(self) -> int:
        """How many somebody should look at."""
        return sum(number for kind, number in self.kinds.items() if not kind.is_explained)


def compare_history(
    settings: Settings,
    source: Source,
    *,
    reference: Reference | None = None,
    each: Callable[[bytes], object] = lambda _: None,
    progress: Callable[[Comparison], None] = lambda _: None,
) -> Comparison:
    """Compare every row of AssignmentTelemetry; `each` is given a JSON line for each, `progress` called after pages.

    `reference` is the directory where it says which tutorials are graded (strict); without it all are.
    Blocks. Raises OperatorError where the source cannot be read, and sinks.clickhouse.CLICKHOUSE_ERRORS.
    """
    done = Comparison(source.survey(ALWAYS, BEGIN).telemetry)
    progress(done)
    rows = source.telemetry(ALWAYS, (BEGIN.telemetry_at, BEGIN.telemetry))

    def is_graded(slug: str) -> bool:
        asset = None if reference is None else reference.asset_by_slug(slug)
        return asset is None or reference is None or reference.canonical(asset).graded

    with contextlib.closing(connected(settings)) as client:
        while page := list(islice(rows, _PAGE)):
            by_user = _scores(client, settings.database, {row.user for row in page})
            for row in page:
                found = compare(row, _document(row), by_user.get(row.user, []), is_graded)
                done.kinds[found.kind] += 1
                shown = done.examples.setdefault(found.kind, [])
                if len(shown) < _EXAMPLES:
                    shown.append((row.user, row.asset_slug, found.detail))
                each(_line(row, found))
            progress(done)
    return done


def _scores(client: Client, database: str, users: set[int]) -> dict[int, list[Here]]:
    found: dict[int, list[Here]] = {}
    parameters = {"database": database, "users": sorted(users)}
    for user, slug, run, last, *scores in client.query(_SCORES, parameters=parameters).result_rows:
        here = Here(str(slug), str(run), last, dict(zip(COMPARED, scores, strict=True)))
        found.setdefault(int(user), []).append(here)
    return found


def _document(row: TelemetryRow) -> dict[str, Any] | None:
    try:
        value = loads(row.document or b"null")
    except (ValueError, RecursionError):
        return None
    return value if type(value) is dict else None


def _line(row: TelemetryRow, found: Compared) -> bytes:
    told = {
        "user_id": row.user,
        "asset_slug": row.asset_slug,
        "kind": found.kind,
        "detail": found.detail,
        "lms": {name: row.scores.get(name) for name in COMPARED},
        "here": None if found.here is None else dict(found.here.scores),
    }
    return orjson.dumps(told)


def told(done: Comparison) -> Iterator[tuple[Kind, int, list[tuple[int, str, str]]]]:
    """Each kind that was found, how many rows, and the first of them, in order."""
    for kind in Kind:
        if done.kinds[kind]:
            yield kind, done.kinds[kind], done.examples.get(kind, [])
