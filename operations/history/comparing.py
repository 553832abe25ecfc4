"""Compares the scores that the LMS has stored with those here, row by row."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson

from operations.clickhouse import connected
from operations.history.differences import Compared, Kind, compare, counterpart
from operations.history.here import Held, Here
from operations.history.scored import COMPARED, agree
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

# So many documents of either side are in memory at once.
_PAGE: Final = 100
_EXAMPLES: Final = 3
_MOST_USER: Final = (1 << 64) - 1
_SCORES: Final = """
SELECT user_id, asset_slug, telemetry_id, toUnixTimestamp64Milli(last_interaction_at), actor,
    toUnixTimestamp64Milli(updated_at), metrics_algo_version, engagement_score, frustration_score, completion_rate
FROM {database:Identifier}.scores WHERE user_id IN {users:Array(UInt64)}
"""
_DOCUMENTS: Final = """
SELECT asset_slug, actor, document, toUnixTimestamp64Milli(updated_at) FROM {database:Identifier}.telemetry
WHERE actor IN {actors:Array(String)} AND asset_slug IN {slugs:Array(String)}
    AND has({keys:Array(String)}, concat(actor, ' ', asset_slug))
"""
_OVERLAYS: Final = """
SELECT asset_slug, actor, overlay FROM {database:Identifier}.scores
WHERE actor IN {actors:Array(String)} AND asset_slug IN {slugs:Array(String)}
    AND has({keys:Array(String)}, concat(actor, ' ', asset_slug)) AND overlay IS NOT NULL
"""


@dataclass(slots=True)
class Comparison:
    """Rows compared, of `total`, by what was found; and the first of each kind: user, tutorial and detail.

    `others` are rows of the source that are not compared: webhooks, and what has no usable time or is too young.
    """

    total: int = 0
    others: int = 0
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
    survey = source.survey(ALWAYS, BEGIN)
    done = Comparison(survey.telemetry, survey.webhooks + survey.untimed + survey.waiting)
    progress(done)
    rows = source.telemetry(ALWAYS, (BEGIN.telemetry_at, BEGIN.telemetry))

    def is_graded(slug: str) -> bool:
        asset = None if reference is None else reference.asset_by_slug(slug)
        return asset is None or reference is None or reference.canonical(asset).graded

    with contextlib.closing(connected(settings)) as client:
        while page := list(islice(rows, _PAGE)):
            by_user = _scores(client, settings.database, {row.user for row in page})
            documents = [_document(row.document) for row in page]
            ours = [
                counterpart(row, document, by_user.get(row.user, []))
                for row, document in zip(page, documents, strict=True)
            ]
            differ = [
                here
                for row, here in zip(page, ours, strict=True)
                if here is not None and not agree(row.scores, here.scores)
            ]
            held = _held(client, settings.database, differ)
            for row, document, here in zip(page, documents, ours, strict=True):
                state = Held() if here is None else held.get(_key(here), Held())
                found = compare(row, document, here, state, is_graded)
                done.kinds[found.kind] += 1
                shown = done.examples.setdefault(found.kind, [])
                if len(shown) < _EXAMPLES:
                    shown.append((row.user, row.asset_slug, found.detail))
                each(_line(row, found))
            progress(done)
    return done


def _scores(client: Client, database: str, users: set[int]) -> dict[int, list[Here]]:
    found: dict[int, list[Here]] = {}
    # Others are nobody's ids here.
    known = sorted(user for user in users if 0 <= user <= _MOST_USER)
    parameters = {"database": database, "users": known}
    for user, slug, run, last, actor, at, version, *scores in client.query(_SCORES, parameters=parameters).result_rows:
        values = dict(zip(COMPARED, scores, strict=True))
        found.setdefault(int(user), []).append(Here(str(slug), str(run), last, values, str(actor), at, version))
    return found


def _held(client: Client, database: str, some: list[Here]) -> dict[tuple[str, str], Held]:
    """The documents of these rows, with their overlays, by slug and actor."""
    if not some:
        return {}
    parameters = {
        "database": database,
        "actors": sorted({here.actor for here in some}),
        "slugs": sorted({here.asset_slug for here in some}),
        "keys": sorted({f"{here.actor} {here.asset_slug}" for here in some}),
    }
    overlays = {
        (str(slug), str(actor)): _document(overlay)
        for slug, actor, overlay in client.query(_OVERLAYS, parameters=parameters).result_rows
    }
    held = {key: Held(overlay=overlay) for key, overlay in overlays.items()}
    for slug, actor, document, at in client.query(_DOCUMENTS, parameters=parameters).result_rows:
        key = str(slug), str(actor)
        held[key] = Held(_document(document), overlays.get(key), at)
    return held


def _key(here: Here) -> tuple[str, str]:
    return here.asset_slug, here.actor


def _document(text: bytes | str | None) -> dict[str, Any] | None:
    try:
        value = loads(text.encode() if isinstance(text, str) else text or b"null")
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
