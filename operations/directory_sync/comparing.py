"""One comparison of the LMS's database with the directory: what changed is written, what went gets a tombstone.

1. each kind, in the order in which records refer to each other: keys are read page by page, and of those that are new
   or changed the rows; what they say is written, and acknowledged before the next page is read
   What is new waits for the end of its kind where so much would be removed that this may be a wrong database.
2. each kind, the other way round: keys that the directory holds and no page had are asked for once more, for a row may
   have come behind the page that was being read, and those that are still not there get tombstones

Nothing is remembered but what the topics hold: whoever dies anywhere begins anew, finds what is written already as the
LMS has it, and writes the rest. A row that changes behind its page is found by the next pass.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from operations.directory_sync.held import is_as_old, merged
from operations.directory_sync.queries import ORDER
from operations.directory_sync.source import PAGE_ROWS, RECORD_ROWS, key_bytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from operations.directory_sync.held import Held
    from operations.directory_sync.source import Key, Source
    from schemas.reference.lookup import Kind

    Write = Callable[[Kind, Sequence[tuple[bytes, bytes | None]]], Awaitable[None]]

__all__ = ["Compared", "Comparison", "Policy"]

_Item = TypeVar("_Item")

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """How much of a kind may be removed at once: up to `few` records, or a `share` of what is held; never all of it.

    What is more is rather a query or a database that is not the right one. All of it goes where it is `hardly_any`.
    """

    few: int = 100
    share: float = 0.1
    hardly_any: int = 10
    any_number: bool = False

    def allows(self, gone: int, held: int) -> bool:
        """Whether so many of what is held may be removed."""
        if self.any_number or held <= self.hardly_any:
            return True
        return gone < held and gone <= max(self.few, int(held * self.share))


@dataclass(slots=True)
class Compared:
    """What came of a kind: rows of the LMS, records written and removed, and what was left as it is.

    `refused` has why rows are no records, `refused_rows` counts them; `held_back` counts what would have been removed,
    and `left_out` what was not written because of that: what is written would be held, and a share of it, next time.
    `before` is what the directory held of the LMS's before the pass wrote anything.
    """

    kind: Kind
    before: int = 0
    rows: int = 0
    written: int = 0
    removed: int = 0
    held_back: int = 0
    left_out: int = 0
    refused_rows: int = 0
    refused: list[str] = field(default_factory=list)

    def refuse(self, key: bytes, error: ValueError) -> None:
        """Note that a row is no record."""
        self.refused_rows += 1
        if len(self.refused) < _SHOWN:
            # What is no digest may be a token itself.
            shown = "" if self.kind == "tokens" else f" {key.decode()}"
            self.refused.append(f"{self.kind}{shown}: {error}")


@dataclass(slots=True)
class _New:
    """Ids of rows that the directory does not have, and whether they wait until it is known what would be removed."""

    waits: bool = False
    ids: list[int | str] = field(default_factory=list)


class Comparison:
    """One pass over all kinds of the source; `write` returns when what it is given is acknowledged.

    `tell` is called after each page, `is_over` asked before it: then the pass ends where it is.
    """

    def __init__(
        self,
        source: Source,
        held: Held,
        write: Write,
        policy: Policy,
        *,
        tell: Callable[[Compared], None] = lambda _: None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._source = source
        self._held = held
        self._write = write
        self._policy = policy
        self._tell = tell
        self._is_over = is_over

    async def run(self, kinds: Iterable[Kind]) -> list[Compared] | None:
        """Compare these kinds; returns what came of each, None where the pass was ended before.

        Raises PostgresError, and what `write` raises.
        """
        wanted = set(kinds)
        done: dict[Kind, tuple[Compared, set[bytes]]] = {}
        for kind in (one for one in ORDER if one in wanted):
            unseen = self._held.ours(kind)
            compared, new = Compared(kind, len(unseen)), _New()
            done[kind] = compared, unseen
            # Where all of it may go nothing has to wait: as in a directory that is empty.
            new.waits = not self._policy.allows(compared.before, compared.before)
            pages = self._by_time if self._source.is_timed(kind) else self._whole
            if not await pages(compared, unseen, new) or not await self._add(compared, unseen, new):
                return None
        for compared, unseen in reversed(done.values()):
            await self._remove(compared, unseen)
            self._tell(compared)
        return [compared for compared, _ in done.values()]

    async def _by_time(self, compared: Compared, unseen: set[bytes], new: _New) -> bool:
        """Read keys, and the rows of those whose times differ; whether it has come to the end."""
        kind, after = compared.kind, None
        while not self._is_over():
            keys: list[Key] = await asyncio.to_thread(self._source.keys, kind, after)
            changed = []
            for key in keys:
                name = key_bytes(key.id)
                unseen.discard(name)
                value = self._held.value(kind, name)
                if value is None and new.waits:
                    new.ids.append(key.id)
                elif value is None or not is_as_old(kind, value, key.updated_at):
                    changed.append(key.id)
            compared.rows += len(keys)
            await self._read(compared, changed)
            self._tell(compared)
            if len(keys) < PAGE_ROWS:
                return True
            after = keys[-1]
        return False

    async def _whole(self, compared: Compared, unseen: set[bytes], new: _New) -> bool:
        """Read all rows, which do not say when they changed; whether it has come to the end."""
        kind, after = compared.kind, None
        while not self._is_over():
            rows = await asyncio.to_thread(self._source.page, kind, after)
            unseen.difference_update(key_bytes(key.id) for key, _ in rows)
            compared.rows += len(rows)
            now = []
            for key, text in rows:
                if new.waits and self._held.value(kind, key_bytes(key.id)) is None:
                    new.ids.append(key.id)
                else:
                    now.append((key.id, text))
            await self._take(compared, now)
            self._tell(compared)
            if len(rows) < RECORD_ROWS:
                return True
            after = rows[-1][0]
        return False

    async def _add(self, compared: Compared, unseen: set[bytes], new: _New) -> bool:
        """Write what waited, unless so much would be removed that it stays; whether it has come to the end."""
        if not self._policy.allows(len(self._gone(compared.kind, unseen)), compared.before):
            compared.left_out = len(new.ids)
            return True
        for ids in _slices(new.ids, PAGE_ROWS):
            if self._is_over():
                return False
            await self._read(compared, ids)
            self._tell(compared)
        return True

    async def _read(self, compared: Compared, ids: Sequence[int | str]) -> None:
        """Ask for the rows of these ids, and write what they make of the records."""
        for some in _slices(ids, RECORD_ROWS):
            rows = await asyncio.to_thread(self._source.records, compared.kind, some)
            await self._take(compared, rows.items())

    async def _take(self, compared: Compared, rows: Iterable[tuple[int | str, str]]) -> None:
        """Write what rows make of the records."""
        kind = compared.kind
        records: list[tuple[bytes, bytes | None]] = []
        for number, row in rows:
            key = key_bytes(number)
            try:
                value = merged(kind, key, self._held.value(kind, key), row)
            except ValueError as error:
                compared.refuse(key, error)
                continue
            if value is not None:
                records.append((key, value))
        if records:
            await self._write(kind, records)
            compared.written += len(records)

    async def _remove(self, compared: Compared, unseen: set[bytes]) -> None:
        """Write tombstones for what the LMS does not know, unless that is too much."""
        kind = compared.kind
        gone = self._gone(kind, unseen)
        if not self._policy.allows(len(gone), compared.before):
            compared.held_back = len(gone)
            return
        for keys in _slices(gone, RECORD_ROWS):
            ids = [key.decode() if kind == "tokens" else int(key) for key in keys]
            there = {key_bytes(one) for one in await asyncio.to_thread(self._source.records, kind, ids)}
            tombstones: list[tuple[bytes, bytes | None]] = [(key, None) for key in keys if key not in there]
            if tombstones:
                await self._write(kind, tombstones)
                compared.removed += len(tombstones)

    def _gone(self, kind: Kind, unseen: set[bytes]) -> list[bytes]:
        return [key for key in sorted(unseen) if self._held.value(kind, key) is not None]


def _slices(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
