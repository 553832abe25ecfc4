"""The records that make the live generation say what was recomputed of some students (pure)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiokafka import TopicPartition

from schemas.times import sql_time
from schemas.wire.derived import RECOMPUTED, ROW
from schemas.wire.place import OFFSET_BITS
from schemas.wire.rows import CLAIMS, EVENTS, SCORES, STUDENT_DAY, TELEMETRY, WEBHOOKS
from streams.core.lines import document_key, document_row, user_number
from streams.messages import Message, keyed, pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from operations.replay_students.changes import Changes
    from operations.replay_students.derived import Identity, Row, Rows
    from schemas.wire.rows import Table
    from schemas.wire.topics import Topics

__all__ = ["Highest", "replacing"]

Highest = dict[str, dict["Identity", int]]

_HEADERS: Final = [(RECOMPUTED, b"1")]
_LONG_AGO: Final = sql_time(0)


def replacing(
    topics: Topics,
    rows: Rows,
    changes: Mapping[str, Changes],
    highest: Highest,
    *,
    homes: Mapping[str, int],
    limit: int,
) -> dict[TopicPartition, list[Message]]:
    """The messages by topic partition; claims that no longer follow have no record and are left to the caller.

    Args:
        topics: The live generation's.
        rows: What was recomputed.
        changes: What of it differs, by table.
        highest: The highest versions that the tables hold, by table and identity.
        homes: The partition of each actor.
        limit: Largest message that the topics take, in bytes.

    Raises OversizeError if something does not fit into a message.
    """
    lines: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
    for table, topic in ((EVENTS, topics.facts), (WEBHOOKS, topics.outcomes)):
        for partition, line in _lines(table, rows, changes[table.name], homes):
            lines[topic, partition].append(line)
    for partition, line in _scores(rows, changes, highest, homes):
        lines[topics.scores, partition].append(line)
    out = {
        TopicPartition(topic, partition): list(pack("a row", of_partition, _HEADERS, limit))
        for (topic, partition), of_partition in lines.items()
    }
    for partition, key, value, columns in _documents(rows, changes, highest, homes):
        headers = [(ROW, orjson.dumps(columns)), *_HEADERS]
        message = keyed("a document", [(key, value, headers)], limit)
        out.setdefault(TopicPartition(topics.telemetry, partition), []).extend(message)
    return out


def _lines(table: Table, rows: Rows, changes: Changes, homes: Mapping[str, int]) -> Iterator[tuple[int, bytes]]:
    known = rows.tables[table.name]
    for identity, version in changes.put.items():
        yield known[identity].partition, _revised(known[identity], version)
    for identity, version in changes.gone.items():
        columns: dict[str, Any] = dict(zip(table.identity, identity, strict=True))
        if table is WEBHOOKS:
            columns["id"] = int(columns["id"])
            home = known[identity].partition if identity in known else columns["id"] >> OFFSET_BITS
        else:
            home = homes[columns["actor"]]
        yield home, orjson.dumps({**columns, "version": version, "deleted": 1})


def _revised(row: Row, version: int) -> bytes:
    return row.line if version == row.version else orjson.dumps({**row.columns, "version": version})


def _scores(
    rows: Rows, changes: Mapping[str, Changes], highest: Highest, homes: Mapping[str, int]
) -> Iterator[tuple[int, bytes]]:
    """A line goes to the student's day and to the scores, so the last one of a student and tutorial is what counts."""
    days, scores = changes[STUDENT_DAY.name], changes[SCORES.name]
    touched: defaultdict[Identity, list[tuple[str, int, bool]]] = defaultdict(list)
    for pair in (*scores.put, *scores.gone):
        touched[pair] = []
    for is_gone, versions in ((False, days.put), (True, days.gone)):
        for (asset, actor, day), version in versions.items():
            touched[asset, actor].append((day, version, is_gone))
    final = rows.alive(SCORES)
    for (asset, actor), moves in touched.items():
        last = final.get((asset, actor))
        top = max(highest[SCORES.name].get((asset, actor), 0), *(version for _, version, _ in moves), 0)
        last_day = None if last is None else last.columns["updated_at"][:10]
        for day, version, is_gone in sorted(moves):
            identity = asset, actor, day
            if is_gone:
                yield homes[actor], _taken_back(asset, actor, f"{day} 00:00:00.000", version)
            elif day != last_day:
                row = rows.tables[STUDENT_DAY.name][identity]
                columns = {**row.columns, "version": version}
                del columns["day"]
                yield row.partition, orjson.dumps(columns)
        if last is not None:
            highest_day = highest[STUDENT_DAY.name].get((asset, actor, str(last_day)), 0)
            yield last.partition, _revised(last, max(last.version, top, highest_day))
        elif (asset, actor) in scores.gone:
            at = f"{max(moves)[0]} 00:00:00.000" if moves else _LONG_AGO
            yield homes[actor], _taken_back(asset, actor, at, top)


def _taken_back(asset: str, actor: str, at: str, version: int) -> bytes:
    columns = {"asset_slug": asset, "actor": actor, "updated_at": at, "version": version, "deleted": 1}
    return orjson.dumps({"user_id": user_number(actor), **columns})


def _documents(
    rows: Rows, changes: Mapping[str, Changes], highest: Highest, homes: Mapping[str, int]
) -> Iterator[tuple[int, bytes, bytes | None, dict[str, Any]]]:
    """The last record of a key is what a compacted topic keeps; those before it are there for their claims."""
    documents, claims = changes[TELEMETRY.name], changes[CLAIMS.name]
    final = rows.alive(TELEMETRY)
    versions = dict(documents.put)
    for identity, version in claims.put.items():
        claiming = rows.tables[CLAIMS.name][identity]
        columns = claiming.columns
        pair: Identity = (columns["asset_slug"], columns["actor"])
        if pair in final:
            if claiming.line != final[pair].line:
                yield claiming.partition, _key(pair), claiming.document, {**columns, "version": version}
            floor = highest[TELEMETRY.name].get(pair, 0)
            versions[pair] = max(versions.get(pair, 0), final[pair].version, version, floor)
    for pair, version in versions.items():
        row = final[pair]
        yield row.partition, _key(pair), row.document, {**row.columns, "version": version}
    for pair, version in documents.gone.items():
        asset, actor = pair
        columns = document_row(actor, asset, id=0, telemetry_id="", updated_at=0, version=version)
        yield homes[actor], _key(pair), None, columns


def _key(pair: Identity) -> bytes:
    asset, actor = pair
    return document_key(actor, asset)
