"""One comparison of the LMS's database with the directory: what changed is written, what went gets a tombstone.

1. each kind, in the order in which records refer to each other: keys are read page by page, and of those that are new
   or changed the rows; what they say is written, and acknowledged before the next page is read
   What is new, and what would belong to somebody else, waits for the end of its kind: where so much would go or change
   hands that this may be a wrong database, or one that is only half restored, it stays as it is.
2. each kind, the other way round: keys that the directory holds and no page had are asked for once more, for a row may
   have come behind the page that was being read, and those that are still not there get tombstones

Nothing is remembered but what the topics hold: whoever dies anywhere begins anew, finds what is written already as the
LMS has it, and writes the rest. A row that changes behind its page is found by the next pass; a record that somebody
else writes while its page is read is passed over, and compared by the next.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from operations.directory_sync.belonging import moves
from operations.directory_sync.compared import Compared
from operations.directory_sync.held import is_as_old, merged
from operations.directory_sync.queries import ORDER
from operations.directory_sync.source import PAGE_ROWS, RECORD_ROWS, key_bytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from operations.directory_sync.held import Held
    from operations.directory_sync.source import Key, Source
    from schemas.reference.lookup import Kind

    Write = Callable[[Kind, Sequence[tuple[bytes, bytes | None]]], Awaitable[None]]

__all__ = ["Comparison", "Policy"]

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Policy:
    """How much of a kind may be removed at once: up to `few` records, or a `share` of what is held; never all of it.

    So much may belong to somebody else at once, too. What is more is rather a query or a database that is not the right
    one. All of it goes where it is `hardly_any`.
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
class _Begun:
    """A kind in the pass: keys that no page had yet, those of them that are `over` and may go freely, and what waits.

    `waits` is whether anything does until it is known how much would go; of what waits the ids are kept.
    """

    compared: Compared
    unseen: set[bytes]
    over: set[bytes]
    waits: bool
    new: list[int | str] = field(default_factory=list)
    moved: list[int | str] = field(default_factory=list)
    stays: bool = False


class Comparison:
    """One pass over all kinds of the source; `write` returns when what it is given is acknowledged.

    `now` is the instant (microseconds since 1970 UTC) at which tokens are over. `whole` compares all rows, whatever
    their times say. `tell` is called after each page, `is_over` asked before it: then the pass ends where it is.
    """

    def __init__(
        self,
        source: Source,
        held: Held,
        write: Write,
        policy: Policy,
        *,
        now: int,
        whole: bool = False,
        tell: Callable[[Compared], None] = lambda _: None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._source = source
        self._held = held
        self._write = write
        self._policy = policy
        self._now = now
        self._is_whole = whole
        self._tell = tell
        self._is_over = is_over

    async def run(self, kinds: Iterable[Kind]) -> list[Compared] | None:
        """Compare these kinds; returns what came of each, None where the pass was ended before.

        Raises PostgresError, and what `write` raises.
        """
        wanted = set(kinds)
        done: list[_Begun] = []
        for kind in (one for one in ORDER if one in wanted):
            begun = self._begin(kind)
            done.append(begun)
            begun.compared.refuse_keyless(await asyncio.to_thread(self._source.keyless, kind))
            pages = self._by_time if self._source.is_timed(kind) and not self._is_whole else self._whole
            if not await pages(begun) or not await self._settle(begun):
                return None
        for begun in reversed(done):
            await self._remove(begun)
            self._tell(begun.compared)
        return [begun.compared for begun in done]

    def _begin(self, kind: Kind) -> _Begun:
        unseen = self._held.ours(kind)
        over = self._held.over(kind, self._now)
        before = len(unseen - over)
        # Where all of it may go nothing has to wait: as in a directory that is empty.
        return _Begun(Compared(kind, before), unseen, over, waits=not self._policy.allows(before, before))

    async def _by_time(self, begun: _Begun) -> bool:
        """Read keys, and the rows of those whose times differ; whether it has come to the end."""
        kind, after = begun.compared.kind, None
        while not self._is_over():
            keys: list[Key] = await asyncio.to_thread(self._source.keys, kind, after)
            changed = []
            for key in keys:
                name = key_bytes(key.id)
                begun.unseen.discard(name)
                value = self._held.value(kind, name)
                if value is None and begun.waits:
                    begun.new.append(key.id)
                elif value is None or not is_as_old(kind, value, key.updated_at):
                    changed.append(key.id)
            begun.compared.rows += len(keys)
            await self._read(begun, changed, waits=begun.waits)
            self._tell(begun.compared)
            if len(keys) < PAGE_ROWS:
                return True
            after = keys[-1]
        return False

    async def _whole(self, begun: _Begun) -> bool:
        """Read all rows, whatever they say of when they changed; whether it has come to the end."""
        kind, after = begun.compared.kind, None
        while not self._is_over():
            overtaken = self._held.changes(kind)
            rows = await asyncio.to_thread(self._source.page, kind, after)
            begun.unseen.difference_update(key_bytes(key.id) for key, _ in rows)
            begun.compared.rows += len(rows)
            await self._take(begun, ((key.id, text) for key, text in rows), overtaken, waits=begun.waits)
            self._tell(begun.compared)
            if len(rows) < RECORD_ROWS:
                return True
            after = rows[-1][0]
        return False

    async def _settle(self, begun: _Begun) -> bool:
        """Write what waited, unless so much would change that it stays; whether it has come to the end."""
        compared, gone = begun.compared, len(set(self._gone(begun)) - begun.over)
        if not all(self._policy.allows(many, compared.before) for many in (gone, len(begun.moved))):
            begun.stays = True
            compared.held_back, compared.unmoved, compared.left_out = gone, len(begun.moved), len(begun.new)
            return True
        for ids in _slices([*begun.moved, *begun.new], PAGE_ROWS):
            if self._is_over():
                return False
            await self._read(begun, ids, waits=False)
            self._tell(compared)
        return True

    async def _read(self, begun: _Begun, ids: Sequence[int | str], *, waits: bool) -> None:
        """Ask for the rows of these ids, and write what they make of the records."""
        kind = begun.compared.kind
        for some in _slices(ids, RECORD_ROWS):
            overtaken = self._held.changes(kind)
            rows = await asyncio.to_thread(self._source.records, kind, some)
            await self._take(begun, rows.items(), overtaken, waits=waits)

    async def _take(
        self, begun: _Begun, rows: Iterable[tuple[int | str, str]], overtaken: set[bytes], *, waits: bool
    ) -> None:
        """Write what rows make of the records, but of those that somebody wrote while they were read."""
        compared, kind = begun.compared, begun.compared.kind
        records: list[tuple[bytes, bytes | None]] = []
        for number, row in rows:
            key = key_bytes(number)
            held = self._held.value(kind, key)
            if key in overtaken:
                continue
            if held is None and waits:
                begun.new.append(number)
                continue
            try:
                value = merged(kind, key, held, row)
            except ValueError as error:
                compared.refuse(key, error)
                continue
            if value is None:
                continue
            if held is not None and waits and moves(kind, key, held, value):
                begun.moved.append(number)
            else:
                records.append((key, value))
        if records:
            await self._write(kind, records)
            compared.written += len(records)

    async def _remove(self, begun: _Begun) -> None:
        """Write tombstones for what the LMS does not know, unless too much would change."""
        if begun.stays:
            return
        kind = begun.compared.kind
        for keys in _slices(self._gone(begun), RECORD_ROWS):
            ids = [key.decode() if kind == "tokens" else int(key) for key in keys]
            overtaken = self._held.changes(kind)
            there = {key_bytes(one) for one in await asyncio.to_thread(self._source.records, kind, ids)}
            tombstones: list[tuple[bytes, bytes | None]] = [
                (key, None) for key in keys if key not in there and key not in overtaken
            ]
            if tombstones:
                await self._write(kind, tombstones)
                begun.compared.removed += len(tombstones)

    def _gone(self, begun: _Begun) -> list[bytes]:
        return [key for key in sorted(begun.unseen) if self._held.value(begun.compared.kind, key) is not None]


def _slices(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
