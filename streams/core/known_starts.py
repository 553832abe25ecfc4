"""How many starts of told items a state remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.core.emit_facts import ITEM_KINDS

if TYPE_CHECKING:
    from streams.core.state import Seen, State

__all__ = ["KNOWN_STARTS", "let_go"]

KNOWN_STARTS: Final = 20_000


def let_go(state: State) -> int:
    """Where there are more than KNOWN_STARTS, keep the newest half of so many; returns how many there are then.

    Of a list that loses some, the newest that it loses is its floor.
    """
    attributes = [kind.attribute for kind in ITEM_KINDS]
    lists = [getattr(seen, attribute) for seen in state.seen.values() for attribute in attributes]
    count = sum(map(len, lists))
    if count <= KNOWN_STARTS:
        return count
    oldest = sorted(start for starts in lists for start in starts)[-(KNOWN_STARTS // 2)]
    for seen in state.seen.values():
        for nth, attribute in enumerate(attributes):
            _let_go(seen, nth, attribute, oldest)
    return sum(len(getattr(seen, attribute)) for seen in state.seen.values() for attribute in attributes)


def _let_go(seen: Seen, nth: int, attribute: str, oldest: int) -> None:
    starts: list[int] = getattr(seen, attribute)
    lost = max((start for start in starts if start < oldest), default=None)
    if lost is not None:
        setattr(seen, attribute, [start for start in starts if start >= oldest])
        seen.floors = (*seen.floors[:nth], lost, *seen.floors[nth + 1 :])
