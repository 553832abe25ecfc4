"""The worker's only table, `state`: bytes to bytes, one changelog, written by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faust

from streams.stores import ROCKS_OPTIONS, MemoryStore, RocksStore

if TYPE_CHECKING:
    from yarl import URL

__all__ = ["StateTable"]


class StateTable(faust.Table):  # type: ignore[misc]  # Faust is untyped
    """A Faust table that sends no changelog of its own: its records are part of the chunk's transaction.

    Faust gives it partitions, directories and the changelog's place in the assignment; streams.restore fills it.
    """

    def _new_store_by_url(self, url: str | URL) -> Any:
        kind = MemoryStore if str(url).startswith("memory") else RocksStore
        return kind(
            url,
            self.app,
            self,
            table_name=self.name,
            key_type=self.key_type,
            value_type=self.value_type,
            key_serializer=self.key_serializer,
            value_serializer=self.value_serializer,
            options=dict(ROCKS_OPTIONS),
            loop=self.loop,
        )

    def on_key_set(self, key: Any, value: Any) -> None:
        """No changelog record of its own."""

    def on_key_del(self, key: Any) -> None:
        """No changelog record of its own."""
