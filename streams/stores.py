"""Stores of the state table, written a chunk at a time: RocksDB on disk, or dictionaries in memory.

Both are Faust stores (Faust opens and closes partitions as they come and go). Values, the changelog offset they
correspond to and the time of writing change together, so a store that a crash left behind is either before a chunk or
after it.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final, Protocol

import rocksdict
import structlog
from faust.stores import memory, rocksdb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["ROCKS_OPTIONS", "MemoryStore", "PartitionStore", "RocksStore"]

_log: Final = structlog.stdlib.get_logger("streams")

# Faust's defaults give every partition a 2 GiB block cache: one worker holds many partitions.
ROCKS_OPTIONS: Final = {
    "driver": "rocksdict",
    "max_open_files": 128,
    "write_buffer_size": 16 << 20,
    "max_write_buffer_number": 2,
    "target_file_size_base": 32 << 20,
    "block_cache_size": 32 << 20,
    "bloom_filter_size": 10,
}


class PartitionStore(Protocol):
    """What a partition's owner does with the store; all calls are for partitions assigned to this process."""

    def reader(self, partition: int, /) -> Callable[[bytes], bytes | None]:
        """The partition's current values by key."""

    def restored_to(self, partition: int, /) -> tuple[int, float] | None:
        """Offset of the last changelog record applied and the time (epoch seconds) of writing it; None if empty."""

    def write(
        self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], offset: int | None, now: float, /
    ) -> None:
        """Apply changes (None deletes) at once; the changelog holds them up to `offset`, None leaves that as it is."""

    def wipe(self, partition: int, /) -> None:
        """Forget everything about the partition."""


class RocksStore(rocksdb.Store):  # type: ignore[misc]  # Faust is untyped
    """Faust's RocksDB store with writes by chunk."""

    written_key = b"__telemetry\0written__"

    def reader(self, partition: int) -> Callable[[bytes], bytes | None]:
        """The database's own `get`."""
        get: Callable[[bytes], bytes | None] = self._db_for_partition(partition).get
        return get

    def restored_to(self, partition: int) -> tuple[int, float] | None:
        """Both are kept beside the values."""
        db = self._db_for_partition(partition)
        offset, written = db.get(self.offset_key), db.get(self.written_key)
        return None if offset is None or written is None else (int(offset), float(written))

    def write(
        self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], offset: int | None, now: float
    ) -> None:
        """One write batch: all or nothing."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if offset is not None:
            batch.put(self.offset_key, b"%d" % offset)
            batch.put(self.written_key, b"%d" % now)
        self._db_for_partition(partition).write(batch)

    def wipe(self, partition: int) -> None:
        """Delete the partition's directory."""
        self._dbs.pop(partition, None)
        shutil.rmtree(self.partition_path(partition), ignore_errors=True)

    def _open_for_partition(self, partition: int) -> Any:
        try:
            return super()._open_for_partition(partition)
        except Exception as error:
            if "lock" in repr(error).lower():
                raise
            _log.warning(
                "state on disk cannot be read: wiped, it is restored from the changelog",
                partition=partition,
                reason=str(error),
            )
            self.wipe(partition)
            return super()._open_for_partition(partition)


class MemoryStore(memory.Store):  # type: ignore[misc]  # Faust is untyped
    """Dictionaries, one a partition; restored from the changelog whenever a partition comes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._values: dict[int, dict[bytes, bytes]] = {}
        self._restored: dict[int, tuple[int, float]] = {}

    def reader(self, partition: int) -> Callable[[bytes], bytes | None]:
        """The dictionary's own `get`."""
        return self._values.setdefault(partition, {}).get

    def restored_to(self, partition: int) -> tuple[int, float] | None:
        """Kept while the partition is assigned."""
        return self._restored.get(partition)

    def write(
        self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], offset: int | None, now: float
    ) -> None:
        """Nothing interrupts it."""
        values = self._values.setdefault(partition, {})
        for key, value in changes:
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        if offset is not None:
            self._restored[partition] = (offset, now)

    def wipe(self, partition: int) -> None:
        """Drop the dictionary."""
        self._values.pop(partition, None)
        self._restored.pop(partition, None)

    async def on_rebalance(self, _assigned: Any, revoked: Any, _new: Any, _generation_id: int = 0) -> None:
        """Drop what other processes will change from now on."""
        for tp in revoked:
            if tp.topic in self.table.changelog_topic.topics:
                self.wipe(tp.partition)
