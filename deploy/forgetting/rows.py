"""A student's rows in ClickHouse, in every generation: found and deleted for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import orjson

from deploy.rawlog.students import Students
from schemas.headers import HeaderError, RawHeaders, decode_headers, encode_headers
from schemas.vocabulary import token_cannot_report
from schemas.webhook import webhook_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

__all__ = ["StudentRows"]

# Deleted when every replica has rewritten its parts: nothing of the rows is on disk then.
_AT_ONCE: Final = {"mutations_sync": 2}
_BY_ACTOR: Final = ("events", "telemetry", "scores", "student_day")
_IDS_AT_ONCE: Final = 10_000

_DATABASES: Final = """
SELECT DISTINCT database FROM system.tables
WHERE match(database, concat('^', {public:String}, '_g[0-9]+$')) AND name = 'scores' ORDER BY database
"""
# Only what tells whose a webhook is, unless ClickHouse and the worker may read it differently.
_RAW: Final = """
WITH JSONExtractKeys(payload) AS keys,
    isValidJSON(payload) AND length(keys) = length(arrayDistinct(keys)) AS plain
SELECT id, principal, params, if(plain, '', payload),
    if(plain, arrayMap(key -> JSONExtractRaw(payload, key), ['user_id', 'telemetry_id']), [])
FROM {public:Identifier}.raw
"""
_SPOOFS: Final = """
SELECT DISTINCT id FROM {database:Identifier}.webhooks WHERE startsWith(status_text, {text:String})
"""
_CLAIMS: Final = "SELECT DISTINCT telemetry_id, actor FROM {database:Identifier}.claims"
_PLACES: Final = """
SELECT DISTINCT asset_slug, telemetry_id FROM {database:Identifier}.{table:Identifier} WHERE actor = {actor:String}
"""
_LETTERS: Final = """
SELECT topic, partition, offset, key, value, headers FROM {database:Identifier}.dead_letters
"""


@dataclass(slots=True)
class StudentRows:
    """What ClickHouse holds of a student, and what was deleted of it (rows by table).

    `actors` are the student and the anonymous runs that nobody else has claimed, too.
    """

    client: Client
    public: str
    on_cluster: str
    student: str
    raw_topic: str
    actors: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    deleted: dict[str, int] = field(default_factory=dict)
    _ids: list[int] | None = None

    def look(self) -> None:
        """Learn the generations and the actors."""
        found = self.client.query(_DATABASES, parameters={"public": self.public}).result_rows
        self.databases = [str(name) for (name,) in found]
        claims: dict[str, set[str]] = {}
        for database in self.databases:
            for telemetry_id, actor in self.client.query(_CLAIMS, {"database": database}).result_rows:
                claims.setdefault(str(telemetry_id), set()).add(str(actor))
        # Students who began with one template share its telemetry_id: such a run is not one student's alone.
        own = sorted(run for run, actors in claims.items() if actors == {self.student})
        self.actors = [self.student, *(f"telemetry:{run}" for run in own)]

    def places(self, actor: str) -> tuple[list[str], list[str]]:
        """The tutorials and the telemetry_ids that an actor has rows of."""
        slugs: set[str] = set()
        runs: set[str] = set()
        for database in self.databases:
            for table in ("events", "telemetry", "scores"):
                own = {"database": database, "table": table, "actor": actor}
                for slug, run in self.client.query(_PLACES, own).result_rows:
                    slugs.add(str(slug))
                    runs.add(str(run))
        return sorted(slugs), sorted(runs)

    def delete(self) -> int:
        """Delete every row there is now; how many. What sinks still bring of derived rows needs another call."""
        students = Students(self.actors)
        if self._ids is None:
            self._ids = sorted(set(self._webhooks(students)))
        # A body that nobody can read is known by its dead letter's key alone.
        letters = {database: list(self._letters(database, students)) for database in self.databases}
        ids = sorted({*self._ids, *(letter[3] for found in letters.values() for letter in found if letter[3] >= 0)})
        count = 0
        for database in self.databases:
            for table in _BY_ACTOR:
                count += self._delete(f"{database}.{table}", "actor IN {actors:Array(String)}", actors=self.actors)
            runs = "actor IN {actors:Array(String)} OR concat('telemetry:', telemetry_id) IN {actors:Array(String)}"
            count += self._delete(f"{database}.claims", runs, actors=self.actors)
            number = int(self.student) if self.student.isdecimal() else 0
            count += self._delete(f"{database}.webhooks", "student_id = {number:UInt64}", number=number)
            for topic, partition, offset, _ in letters[database]:
                place = {"topic": topic, "partition": partition, "offset": offset}
                where = "topic = {topic:String} AND partition = {partition:Int32} AND offset = {offset:Int64}"
                count += self._delete(f"{database}.dead_letters", where, **place)
        for begin in range(0, len(ids), _IDS_AT_ONCE):
            some = ids[begin : begin + _IDS_AT_ONCE]
            for table in (f"{self.public}.raw", *(f"{database}.webhooks" for database in self.databases)):
                count += self._delete(table, "id IN {ids:Array(UInt64)}", ids=some)
        return count

    def _delete(self, table: str, where: str, **parameters: Any) -> int:
        counting = f"SELECT count() FROM {table} WHERE {where}"  # noqa: S608 - both are this module's
        count = int(str(self.client.command(counting, parameters=parameters)))
        if count:
            statement = f"ALTER TABLE {table} {self.on_cluster} DELETE WHERE {where}"
            self.client.command(statement, parameters=parameters, settings=_AT_ONCE)
            self.deleted[table] = self.deleted.get(table, 0) + count
        return count

    def _webhooks(self, students: Students) -> Iterator[int]:
        with self.client.query_rows_stream(_RAW, parameters={"public": self.public}) as rows:
            for identity, principal, params, body, raws in rows:
                owner = None if principal is None else str(principal)
                value = (body if isinstance(body, bytes) else body.encode()) or _object(raws)
                # Whether a token spoke in another's name is told by the outcome, as the worker judged it.
                allowed = ("crud_telemetry",)
                headers = encode_headers(
                    RawHeaders(principal=owner, capabilities=allowed, params=orjson.loads(params) or None)
                )
                if students.wrote(SimpleNamespace(key=None, value=value, headers=headers)):
                    yield int(identity)
        text = token_cannot_report(self.student, "")
        for database in self.databases:
            for (identity,) in self.client.query(_SPOOFS, parameters={"database": database, "text": text}).result_rows:
                yield int(identity)

    def _letters(self, database: str, students: Students) -> Iterator[tuple[str, int, int, int]]:
        """Origin of each letter of theirs, and the id of the webhook that it is, else -1."""
        marks = [orjson.dumps({"actor": actor})[1:-1] for actor in students.actors]
        with self.client.query_rows_stream(_LETTERS, parameters={"database": database}) as rows:
            for topic, partition, offset, key, value, headers in rows:
                body = value.encode("utf-8", "replace") if isinstance(value, str) else value or b""
                whole = SimpleNamespace(
                    key=key.encode() if isinstance(key, str) else key,
                    value=body,
                    headers=[(name, text.encode()) for name, text in headers.items()],
                )
                if students.wrote(whole) or any(mark in body for mark in marks):
                    webhook = str(topic) == self.raw_topic
                    yield str(topic), int(partition), int(offset), _id(partition, offset, whole) if webhook else -1


def _id(partition: int, offset: int, record: Any) -> int:
    try:
        headers = decode_headers(record.headers)
    except HeaderError:
        headers = RawHeaders()
    return webhook_id(partition, offset, headers)


def _object(raws: list[str]) -> bytes:
    names = ("user_id", "telemetry_id")
    return b"{%b}" % ",".join(f'"{name}":{raw}' for name, raw in zip(names, raws, strict=True) if raw).encode(
        "utf-8", "surrogatepass"
    )
