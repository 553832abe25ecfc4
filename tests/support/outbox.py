"""The outbox of deploy/examples/lms as its reader sees it: rows in the order of their commits."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Database

__all__ = ["KINDS", "Log", "records"]

KINDS: Final = ("academies", "users", "assets", "tasks")

# Of a message of pgoutput: its kind, then those of an inserted row with its first column as text, the id.
_INSERT: Final = ord("I")
_LENGTH: Final = slice(9, 13)


def records(database: Database, kind: str) -> dict[int, Any]:
    """What the LMS has of a kind, as the outbox's query shows it."""
    rows = database.execute("SELECT number, record FROM telemetry_records(%s)", (kind,))
    return {number: orjson.loads(text) for number, text in rows}


class Log:
    """What has been told since it was opened (`followed`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slot = f"told_{uuid.uuid4().hex[:10]}"
        name = sql.Identifier(self._slot)
        database.execute(sql.SQL("CREATE PUBLICATION {} FOR TABLE telemetry_outbox").format(name))
        database.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (self._slot,))

    @classmethod
    @contextmanager
    def followed(cls, database: Database) -> Iterator[Log]:
        """Follow it during the block: the server keeps its log meanwhile."""
        log = cls(database)
        try:
            yield log
        finally:
            database.execute("SELECT pg_drop_replication_slot(%s)", (log._slot,))

    def told(self) -> list[tuple[str, int, Any]]:
        """Kind, id and record (None where it is gone) of the rows that came since the last call."""
        messages = self._database.execute(
            "SELECT data FROM pg_logical_slot_get_binary_changes"
            "(%s, NULL, NULL, 'proto_version', '1', 'publication_names', %s)",
            (self._slot, self._slot),
        )
        numbers = [_inserted(message) for (message,) in messages if message[0] == _INSERT]
        rows = self._database.execute(
            "SELECT o.aggregatetype, o.aggregateid, o.payload "
            "FROM unnest(%s::bigint[]) WITH ORDINALITY AS n (id, place) "
            "JOIN telemetry_outbox AS o ON o.id = n.id ORDER BY n.place",
            (numbers,),
        )
        return [(kind, int(number), None if text is None else orjson.loads(text)) for kind, number, text in rows]

    def last(self) -> dict[str, dict[int, Any]]:
        """Of each kind what a reader of these rows holds: of several rows of a record the last one counts."""
        held: dict[str, dict[int, Any]] = {kind: {} for kind in KINDS}
        for kind, number, record in self.told():
            held[kind][number] = record
        return {kind: {number: record for number, record in of.items() if record} for kind, of in held.items()}


def _inserted(message: bytes) -> int:
    length = int.from_bytes(message[_LENGTH])
    return int(message[_LENGTH.stop : _LENGTH.stop + length])
