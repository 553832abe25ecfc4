"""What was voided in a store: a voided statement stays so, and a fact that is told again needs another id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MOST_VOIDED", "Voids"]

# Facts that are remembered; of what was voided before them a fact that is told again would stay voided.
MOST_VOIDED: Final = 100_000


class Voids:
    """The versions at which facts were taken back and voided, by their items; the last `most` of them."""

    def __init__(self, versions: Mapping[str, Sequence[int]] | None = None, *, most: int = MOST_VOIDED) -> None:
        self._versions = {item: sorted(known) for item, known in (versions or {}).items()}
        self._most = most

    def last(self, item_id: str, below: int | None = None) -> int | None:
        """The last version at which the fact was voided, or the last one before a version; None if it never was."""
        known = [version for version in self._versions.get(item_id, ()) if below is None or version < below]
        return known[-1] if known else None

    def add(self, item_id: str, version: int) -> None:
        """The fact has been voided."""
        known = self._versions.pop(item_id, [])
        self._versions[item_id] = sorted({*known, version})
        if len(self._versions) > self._most:
            del self._versions[next(iter(self._versions))]

    def kept(self) -> dict[str, list[int]]:
        """What `Voids` is made of, elsewhere."""
        return dict(self._versions)
