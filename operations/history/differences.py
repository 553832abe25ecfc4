"""Why the scores of a row are here what they are in the LMS, or are not (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from operations.history.scored import COMPARED, agree, by_formulas, by_lms, fails_in_lms, set_by_staff
from schemas.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from operations.history.rows import TelemetryRow

__all__ = ["Compared", "Here", "Kind", "compare"]


class Kind(StrEnum):
    """What a comparison has found; in the order in which it is told."""

    EQUAL = "equal"
    CANONICAL = "canonical"
    NEWER = "newer"
    OFFSETS = "offsets"
    INCOMPLETE = "incomplete"
    UNSCORED = "unscored"
    UNGRADED = "ungraded"
    MISSING = "missing"
    UNEXPLAINED = "unexplained"

    @property
    def explanation(self) -> str:
        """What it means, in a line."""
        return _EXPLANATIONS[self]

    @property
    def is_explained(self) -> bool:
        """Whether nobody has to look at it."""
        return self not in {Kind.MISSING, Kind.UNEXPLAINED}


_EXPLANATIONS = {
    Kind.EQUAL: "the same scores",
    Kind.CANONICAL: "translations are one tutorial here: they are under the canonical slug",
    Kind.NEWER: "streamed events, which the LMS does not take in, or what came since; its document gives its scores",
    Kind.OFFSETS: "the LMS drops offsets of ISO times",
    Kind.INCOMPLETE: "the LMS cannot compute with a document that lacks something, and left what was there",
    Kind.UNSCORED: "the LMS has not scored the document",
    Kind.UNGRADED: "not scored here: in the directory the tutorial is not graded",
    Kind.MISSING: "nothing is here: not imported, not processed yet, or refused (`webhooks --student` says why)",
    Kind.UNEXPLAINED: "look at `why STUDENT TUTORIAL`",
}


@dataclass(frozen=True, slots=True)
class Here:
    """A row of `scores`; `last` is its last interaction in milliseconds."""

    asset_slug: str
    telemetry_id: str
    last: int | None
    scores: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found of a row; `detail` says what of it, `here` are the scores that it was compared with."""

    kind: Kind
    detail: str = ""
    here: Here | None = None


def compare(
    row: TelemetryRow,
    document: Mapping[str, Any] | None,
    rows: Sequence[Here],
    is_graded: Callable[[str], bool] = lambda _: True,
) -> Compared:
    """Compare a row of the LMS, with its document, with what is here of its student.

    `is_graded` knows of a tutorial's slug whether it is scored here at all.
    """
    held = document or {}
    here = _counterpart(row, held, rows)
    if here is None:
        is_empty = not row.scores and not held
        return Compared(Kind.EQUAL) if is_empty else Compared(Kind.MISSING)
    elsewhere = here.asset_slug != row.asset_slug
    detail = f"under {here.asset_slug}" if elsewhere else ""
    if agree(row.scores, here.scores):
        return Compared(Kind.CANONICAL if elsewhere else Kind.EQUAL, detail, here)
    kind, why = _difference(row, held, here, is_graded)
    return Compared(kind, ", ".join(filter(None, (detail, why))), here)


def _counterpart(row: TelemetryRow, document: Mapping[str, Any], rows: Sequence[Here]) -> Here | None:
    """The row of the same tutorial, else of the same run, which is then a translation."""
    run = document.get("telemetry_id")
    by_slug = next((one for one in rows if one.asset_slug == row.asset_slug), None)
    return by_slug or next((one for one in rows if run and one.telemetry_id == run), None)


def _difference(
    row: TelemetryRow, document: Mapping[str, Any], here: Here, is_graded: Callable[[str], bool]
) -> tuple[Kind, str]:
    if all(here.scores.get(name) is None for name in COMPARED) and not is_graded(here.asset_slug):
        return Kind.UNGRADED, ""
    return (_explained(row, document, here) if document else None) or (Kind.UNEXPLAINED, "")


def _explained(row: TelemetryRow, document: Mapping[str, Any], here: Here) -> tuple[Kind, str] | None:
    # A document that does not say when it ends did so before it was stored.
    by_us, last = by_formulas(document), parse_time(document.get("last_interaction_at")) or row.at
    newer = here.last is not None and here.last > last // 1000
    # Whatever the LMS did: what is here has to be what the document gives, unless more has come.
    if not newer and not agree(here.scores, by_us):
        return None
    return _by_the_lms(row, document, by_us, newer=newer)


def _by_the_lms(
    row: TelemetryRow, document: Mapping[str, Any], by_us: Mapping[str, Any], *, newer: bool
) -> tuple[Kind, str] | None:
    if newer and agree(row.scores, by_us):
        return Kind.NEWER, ""
    if agree(row.scores, by_lms(document)):
        return Kind.OFFSETS, ""
    if (missing := fails_in_lms(document)) is not None:
        return Kind.INCOMPLETE, f"without {missing}"
    if all(row.scores.get(name) is None for name in COMPARED):
        return Kind.UNSCORED, ""
    if newer and set_by_staff(row, document):
        return Kind.NEWER, "staff had set the scores"
    return None
