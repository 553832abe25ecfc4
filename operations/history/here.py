"""What is here of a student and a tutorial, and which scores its own document gives (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from operations.history.scored import COMPARED, agree, by_formulas
from schemas.overlay import LISTS, merge_document
from schemas.times import parse_time
from streams.core.indicators import ALGORITHMS, CURRENT
from streams.core.scores import MOST_ITEMS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Held", "Here"]

# An overlay's times are in milliseconds, the worker's in microseconds: the second decimal may be rounded otherwise.
_ROUNDED: Final = 0.0101


@dataclass(frozen=True, slots=True)
class Here:
    """A row of `scores`: `last` is its last interaction and `at` its last change, in milliseconds.

    `algorithm` is the version that computed it, None where nothing was computed.
    """

    asset_slug: str
    telemetry_id: str
    last: int | None
    scores: Mapping[str, float | None]
    actor: str = ""
    at: int = 0
    algorithm: float | None = None

    @property
    def version(self) -> float:
        """The version by which its scores are to be computed."""
        return CURRENT if self.algorithm is None or self.algorithm not in ALGORITHMS else self.algorithm


@dataclass(frozen=True, slots=True)
class Held:
    """The document that was stored here last, None where there is none, and the overlay of its scores row.

    `at` is when it was stored, in milliseconds.
    """

    document: dict[str, Any] | None = None
    overlay: dict[str, Any] | None = None
    at: int = 0

    @property
    def last(self) -> int | None:
        """The last interaction that the stored document itself tells, in milliseconds."""
        last = parse_time((self.document or {}).get("last_interaction_at"))
        return None if last is None else last // 1000

    def gives(self, here: Here, staff: Mapping[str, Any], *, is_graded: bool) -> bool:
        """Whether the scores here are those of the document as its readers see it, but for what staff have set."""
        whole = merge_document(self.document, self.overlay)
        computed = by_formulas(whole, here.version) if whole and is_graded else {}
        set_ = {name: staff[name] for name in COMPARED if name in staff}
        if self._has_more_than_is_read():
            # What the others give is not known; what staff have set is.
            computed = {name: value for name, value in here.scores.items() if value is not None}
        return agree(here.scores, {**computed, **set_}, within=_ROUNDED)

    def _has_more_than_is_read(self) -> bool:
        """Whether the overlay lacks streamed items that count: there are more than it may have."""
        steps = (self.overlay or {}).get("steps") or []
        return sum(len(step.get(name) or ()) for step in steps for name in LISTS) >= MOST_ITEMS
