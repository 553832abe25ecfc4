"""What recomputed rows say otherwise than those of the live generation, and the version that settles it (pure).

Of rows with one identity the highest version counts, of equal ones the one that was inserted last. A row that replaces
another one has its own version, or that of the row it replaces if that is higher: never more than that of a webhook
that the student has already sent, so whatever comes next counts more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.wire.place import OFFSET_BITS, OFFSET_MASK

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from operations.replay_students.derived import Identity, Row
    from schemas.wire.rows import Table

__all__ = ["Changes", "Known", "changes_of", "lost"]


@dataclass(frozen=True, slots=True)
class Known:
    """A row of the live generation: a hash of what it says, and columns that a comparison shows."""

    version: int
    content: str
    shown: tuple[Any, ...] = ()


@dataclass(slots=True)
class Changes:
    """Identities with the version to write: rows to add or to replace, and rows to take back.

    `live` and `new` count all rows, `moving` those that a webhook beyond the positions has touched, which say nothing.
    """

    table: Table
    live: int = 0
    new: int = 0
    moving: int = 0
    added: dict[Identity, int] = field(default_factory=dict)
    changed: dict[Identity, int] = field(default_factory=dict)
    gone: dict[Identity, int] = field(default_factory=dict)

    @property
    def put(self) -> dict[Identity, int]:
        """Rows to write."""
        return self.added | self.changed

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.gone)


def _beyond(version: int, positions: Mapping[int, int]) -> bool:
    return version & OFFSET_MASK >= positions.get(version >> OFFSET_BITS, OFFSET_MASK + 1)


def changes_of(
    table: Table,
    new: Mapping[Identity, Row],
    contents: Mapping[Identity, str],
    live: Mapping[Identity, Known],
    *,
    highest: Mapping[Identity, int],
    positions: Mapping[int, int],
) -> Changes:
    """What has to be written so that the table says what was recomputed.

    Args:
        table: Which one.
        new: What was recomputed.
        contents: The hashes of what those rows say.
        live: What readers see.
        highest: The highest version of each identity, also of rows that were taken back.
        positions: Raw offsets by partition up to which was recomputed.
    """
    changes = Changes(table, len(live), len(new))
    for identity in new.keys() | live.keys():
        floor = highest.get(identity, 0)
        row, known = new.get(identity), live.get(identity)
        if _beyond(floor, positions):
            changes.moving += 1
        elif row is None:
            changes.gone[identity] = floor
        elif known is None:
            changes.added[identity] = max(row.version, floor)
        elif known.content != contents[identity]:
            changes.changed[identity] = max(row.version, floor)
    return changes


def lost(live: Mapping[Identity, Known], places: Collection[int], positions: Mapping[int, int]) -> list[Identity]:
    """Rows that come from webhooks which the log no longer has; `places` are those that it has of these students."""
    return [
        identity
        for identity, known in live.items()
        if known.version not in places and not _beyond(known.version, positions)
    ]
