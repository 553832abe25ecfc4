"""How many starts of told items a state remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.core.tell import KINDS

if TYPE_CHECKING:
    from streams.core.state import Seen, State

__all__ = ["TOLD", "let_go"]

TOLD: Final = 20_000


def let_go(state: State) -> int:
    """Where there are more than TOLD starts of told items, keep the newest half of TOLD; how many there are then.

    Of a list that loses some, the newest that it loses is its floor.
    """
    kinds = [attribute for _, _, attribute, _ in KINDS]
    lists = [getattr(seen, kind) for seen in state.seen.values() for kind in kinds]
    count = sum(map(len, lists))
    if count <= TOLD:
        return count
    oldest = sorted(start for starts in lists for start in starts)[-(TOLD // 2)]
    for seen in state.seen.values():
        for place, kind in enumerate(kinds):
            _let_go(seen, place, kind, oldest)
    return sum(len(getattr(seen, kind)) for seen in state.seen.values() for kind in kinds)


def _let_go(seen: Seen, place: int, kind: str, oldest: int) -> None:
    starts: list[int] = getattr(seen, kind)
    lost = max((start for start in starts if start < oldest), default=None)
    if lost is not None:
        setattr(seen, kind, [start for start in starts if start >= oldest])
        seen.floors = (*seen.floors[:place], lost, *seen.floors[place + 1 :])
