"""Why the scores of a row are here what they are in the LMS, or are not (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from operations.history.scored import COMPARED, agree, by_formulas, by_lms, fails_in_lms, set_by_staff
from operations.history.sources import MOST_AHEAD
from schemas.times import parse_time
from streams.core.slim import steps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from operations.history.here import Held, Here
    from operations.history.rows import TelemetryRow

__all__ = ["Compared", "Kind", "compare", "counterpart"]


class Kind(StrEnum):
    """What a comparison has found; in the order in which it is told."""

    EQUAL = "equal"
    CANONICAL = "canonical"
    NEWER = "newer"
    ALGORITHM = "algorithm"
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
    Kind.ALGORITHM: "the LMS has version 1.0 of the algorithm, and here another one is in force",
    Kind.OFFSETS: "the LMS drops offsets of ISO times",
    Kind.INCOMPLETE: "the LMS cannot compute with a document that lacks something, and left what was there",
    Kind.UNSCORED: "the LMS has not scored the document",
    Kind.UNGRADED: "not scored here: in the directory the tutorial is not graded",
    Kind.MISSING: "nothing is here: not imported, not processed yet, or refused (`webhooks --student` says why)",
    Kind.UNEXPLAINED: "look at `why STUDENT TUTORIAL`",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found of a row; `detail` says what of it, `here` are the scores that it was compared with."""

    kind: Kind
    detail: str = ""
    here: Here | None = None


def counterpart(row: TelemetryRow, document: Mapping[str, Any] | None, rows: Sequence[Here]) -> Here | None:
    """What is here of the same tutorial, else of the same run, which is then a translation; None where neither is."""
    run = (document or {}).get("telemetry_id")
    by_slug = next((one for one in rows if one.asset_slug == row.asset_slug), None)
    return by_slug or next((one for one in rows if run and one.telemetry_id == run), None)


def compare(
    row: TelemetryRow,
    document: Mapping[str, Any] | None,
    here: Here | None,
    held: Held,
    is_graded: Callable[[str], bool] = lambda _: True,
) -> Compared:
    """Compare a row of the LMS, with its document, with its counterpart here.

    `held` is the counterpart's document, which is looked at where the scores differ: those here have to be its own,
    whatever the LMS has. `is_graded` knows of a tutorial's slug whether it is scored here at all.
    """
    if here is None:
        is_empty = not row.scores and not document
        return Compared(Kind.EQUAL) if is_empty else Compared(Kind.MISSING)
    elsewhere = here.asset_slug != row.asset_slug
    detail = f"under {here.asset_slug}" if elsewhere else ""
    same = Kind.CANONICAL if elsewhere else Kind.EQUAL
    if agree(row.scores, here.scores):
        return Compared(same, detail, here)
    kind, why = _Difference(row, document or {}, here, held).explained(same, is_graded=is_graded(here.asset_slug))
    return Compared(kind, ", ".join(filter(None, (detail, why))), here)


@dataclass(frozen=True, slots=True)
class _Difference:
    """A row of the LMS and its document, and what is here instead."""

    row: TelemetryRow
    document: Mapping[str, Any]
    here: Here
    held: Held

    def explained(self, same: Kind, *, is_graded: bool) -> tuple[Kind, str]:
        """Why they differ; `same` where they do not, but for nulls beside what staff have set."""
        if all(self.here.scores.get(name) is None for name in COMPARED) and not is_graded:
            return Kind.UNGRADED, ""
        staff = set_by_staff(self.row, self.document or None)
        if staff and not self._has_newer_batch():
            # They hold until the next batch, whatever is streamed; beside them the LMS may have nulls.
            is_kept = self.held.gives(self.here, staff, is_graded=is_graded)
            return (same, "staff had set scores") if is_kept else (Kind.UNEXPLAINED, "")
        if not self.document or self._has_older_batch() or not self.held.gives(self.here, {}, is_graded=is_graded):
            return Kind.UNEXPLAINED, ""
        newer = self._is_newer()
        if not newer and not agree(self.here.scores, by_formulas(self.document, self.here.version)):
            return Kind.UNEXPLAINED, ""
        return self._by_the_lms(newer=newer) or (
            (Kind.NEWER, "staff had set the scores") if staff else (Kind.UNEXPLAINED, "")
        )

    def _by_the_lms(self, *, newer: bool) -> tuple[Kind, str] | None:
        """How the LMS came to its scores by its own document."""
        if agree(self.row.scores, by_formulas(self.document)):
            return (Kind.NEWER, "") if newer else (Kind.ALGORITHM, f"{self.here.version} here")
        if agree(self.row.scores, by_lms(self.document)):
            return Kind.OFFSETS, ""
        if (missing := fails_in_lms(self.document)) is not None:
            return Kind.INCOMPLETE, f"without {missing}"
        if all(self.row.scores.get(name) is None for name in COMPARED):
            return Kind.UNSCORED, ""
        return None

    def _last(self) -> int | None:
        """The last interaction of the LMS's document in milliseconds; None where it tells none, or by a clock ahead."""
        last = parse_time(self.document.get("last_interaction_at"))
        return None if last is None or last > self.row.at + MOST_AHEAD else last // 1000

    def _has_newer_batch(self) -> bool:
        last, ours = self._last(), self.held.last
        if last is None or ours is None:
            return self.held.document is not None and self.held.at > self.row.at // 1000
        return ours > last

    def _has_older_batch(self) -> bool:
        """Whether the LMS's document has not come in: what was streamed behind it makes nobody newer."""
        last, ours = self._last(), self.held.last
        if self.held.document is None or last is None or ours is None:
            return self.held.document is None
        # One in which nothing has been opened replaces no document here.
        return ours < last and any(step.get("opened_at") for step in steps_of(self.document))

    def _is_newer(self) -> bool:
        if self._last() is None and self.document.get("last_interaction_at") is not None:
            return self.here.at > self.row.at // 1000
        # A document that does not say when it ends did so before it was stored.
        last = self._last() or self.row.at // 1000
        return self._has_newer_batch() or (self.here.last is not None and self.here.last > last)
