"""The documents of a chunk, as records of their topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from schemas.wire.derived import ROW
from streams.core.effects import DocumentRecord
from streams.core.lines import document_key, document_row

if TYPE_CHECKING:
    from schemas.wire.staff import ForgetCommand
    from streams.core.webhook import Webhook
    from streams.core.working_state import WorkingState

__all__ = ["Documents"]


class Documents:
    """Of several documents of one (student, tutorial, run) only the last is ever read, so only that is kept."""

    __slots__ = ("_records",)

    def __init__(self) -> None:
        self._records: dict[tuple[bytes, str], DocumentRecord] = {}

    def keep(self, working: WorkingState, document: bytes, telemetry_id: str, now: int) -> None:
        """The state has this document from `now` (ms) on, which is of that run."""
        key, state = document_key(working.actor, working.asset_slug), working.state
        row = document_row(
            working.actor,
            working.asset_slug,
            id=state.id,
            telemetry_id=telemetry_id,
            updated_at=now,
            version=state.version,
        )
        # Another run's stays: each of the runs is claimed by its record.
        self._records.pop((key, telemetry_id), None)
        self._records[key, telemetry_id] = DocumentRecord(key, document, [(ROW, orjson.dumps(row))])

    def forget(self, command: ForgetCommand, webhook: Webhook, now: int) -> None:
        """Tombstones for the documents of an actor; rows in ClickHouse are not the worker's to delete."""
        actor = command.user_id
        for slug in command.asset_slugs:
            key = document_key(actor, slug)
            row = document_row(actor, slug, id=webhook.id, telemetry_id="", updated_at=now, version=webhook.version)
            self._records = {run: record for run, record in self._records.items() if run[0] != key}
            self._records[key, ""] = DocumentRecord(key, None, [(ROW, orjson.dumps(row))])

    def records(self) -> list[DocumentRecord]:
        """All of them, in the order in which they were last kept."""
        return list(self._records.values())
