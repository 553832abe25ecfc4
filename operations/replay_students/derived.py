"""The rows that the students' records lead to, as they would be in the tables: of one identity the last one (pure)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from schemas.wire.dead_letters import LETTER
from schemas.wire.derived import ROW
from schemas.wire.rows import CLAIMS, EVENTS, SCORES, STUDENT_DAY, TELEMETRY, WEBHOOKS
from schemas.wire.webhook import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.wire.rows import Table
    from schemas.wire.topics import Topics
    from streams.messages import Message
    from streams.outbox import Outgoing

__all__ = ["Identity", "Row", "Rows"]

Identity = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its columns as a JSON line, a document's text beside it, and the partition that its record goes to."""

    version: int
    partition: int
    line: bytes
    deleted: bool = False
    document: bytes | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The columns, without the document."""
        columns: dict[str, Any] = orjson.loads(self.line)
        return columns


@dataclass(slots=True)
class Rows:
    """Rows by table and identity, and the dead letters by partition, offset and stage."""

    tables: defaultdict[str, dict[Identity, Row]] = field(default_factory=lambda: defaultdict(dict))
    letters: dict[tuple[int, int, str], Message] = field(default_factory=dict)

    def take(self, topics: Topics, outgoing: Outgoing) -> None:
        """Add what came of some records; call it in the order of the log."""
        for tp, messages in outgoing.items():
            if tp.topic == topics.facts:
                self._lines(EVENTS, tp.partition, messages)
            elif tp.topic == topics.outcomes:
                self._lines(WEBHOOKS, tp.partition, messages)
            elif tp.topic == topics.scores:
                self._lines(SCORES, tp.partition, messages)
            elif tp.topic == topics.telemetry:
                for message in messages:
                    self._document(tp.partition, message)
            elif tp.topic == topics.dead_letters:
                for message in messages:
                    self._letter(message)

    def delete_webhooks(self, deletions: Mapping[int, int]) -> None:
        """Take webhooks out of the log, as staff has; the commands' versions by the webhooks' ids."""
        known = self.tables[WEBHOOKS.name]
        for number, version in deletions.items():
            row = known.get((str(number),))
            if row is not None and version >= row.version:
                known[str(number),] = replace(row, version=version, deleted=True)

    def alive(self, table: Table) -> dict[Identity, Row]:
        """The rows of a table that readers see."""
        return {identity: row for identity, row in self.tables[table.name].items() if not row.deleted}

    def _put(self, table: Table, identity: Identity, row: Row) -> None:
        known = self.tables[table.name].get(identity)
        if known is None or row.version >= known.version:
            self.tables[table.name][identity] = row

    def _lines(self, table: Table, partition: int, messages: Iterable[Message]) -> None:
        for message in messages:
            for line in (message.value or b"").split(b"\n"):
                columns = orjson.loads(line)
                row = Row(columns["version"], partition, line, bool(columns.get("deleted")))
                self._put(table, _identity(table, columns), row)
                if table is SCORES:
                    columns["day"] = columns["updated_at"][:10]
                    day = replace(row, line=orjson.dumps(columns))
                    self._put(STUDENT_DAY, _identity(STUDENT_DAY, columns), day)

    def _document(self, partition: int, message: Message) -> None:
        header = dict(message.headers)[ROW]
        columns = orjson.loads(header)
        row = Row(columns["version"], partition, header, message.value is None, message.value)
        self._put(TELEMETRY, _identity(TELEMETRY, columns), row)
        claims = columns["telemetry_id"] and not columns["actor"].startswith(ANONYMOUS)
        if claims and not row.deleted:
            self._put(CLAIMS, _identity(CLAIMS, columns), row)

    def _letter(self, message: Message) -> None:
        headers = dict(message.headers)
        place = int(headers[f"{LETTER}partition"]), int(headers[f"{LETTER}offset"])
        self.letters[*place, headers[f"{LETTER}stage"].decode()] = message


def _identity(table: Table, columns: Mapping[str, Any]) -> Identity:
    return tuple(str(columns[name]) for name in table.identity)
