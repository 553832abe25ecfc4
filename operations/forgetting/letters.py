"""A person's dead letters: webhooks that nobody could read, and rows that no table took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from operations.raw_log.bodies import AS_BYTES, record_of
from schemas.wire.headers import readable_headers
from schemas.wire.webhook import webhook_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

    from operations.raw_log.students import Students

__all__ = ["Letter", "find_letters"]

_LETTERS: Final = """
SELECT topic, partition, offset, key, value, mapKeys(headers), mapValues(headers)
FROM {database:Identifier}.dead_letters
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """Where a dead letter comes from, and the id of the webhook that it is, else -1."""

    topic: str
    partition: int
    offset: int
    webhook: int = -1

    @property
    def place(self) -> dict[str, Any]:
        """Its origin as parameters of a query."""
        return {"topic": self.topic, "partition": self.partition, "offset": self.offset}


def find_letters(client: Client, database: str, raw_topic: str, students: Students) -> Iterator[Letter]:
    """The dead letters of one generation that are of these students; raises ClickHouse's errors."""
    marks = [orjson.dumps({"actor": actor})[1:-1] for actor in students.actors]
    with client.query_rows_stream(_LETTERS, parameters={"database": database}, query_formats=AS_BYTES) as rows:
        for topic, partition, offset, key, value, names, values in rows:
            headers = [(name.decode("utf-8", "replace"), text) for name, text in zip(names, values, strict=True)]
            if students.wrote(record_of(key, value or b"", headers)) or any(mark in (value or b"") for mark in marks):
                origin = topic.decode()
                decoded = readable_headers(headers)
                webhook = webhook_id(partition, offset, decoded) if origin == raw_topic else -1
                yield Letter(origin, int(partition), int(offset), webhook)
