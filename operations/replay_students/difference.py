"""Holding recomputed students to the live generation's tables, and what has to be written because of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from operations.replay_students.changes import changes_of, lost
from operations.replay_students.comparison import comparison_of
from operations.replay_students.replacing import replacing
from operations.replay_students.tables import BY_ACTOR
from schemas.wire.dead_letters import LETTER, letter_headers
from schemas.wire.derived import RECOMPUTED
from schemas.wire.generations import JournalError
from schemas.wire.rows import CLAIMS, EVENTS, STUDENT_DAY, WEBHOOKS
from streams.messages import Message, keyed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations.replay.comparison import Comparison
    from operations.replay_students.changes import Changes, Known
    from operations.replay_students.derived import Identity, Row
    from operations.replay_students.log import Recomputation
    from operations.replay_students.scope import Scope
    from operations.replay_students.tables import LiveTables
    from schemas.wire.topics import Topics

__all__ = ["Difference", "difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What recomputed students say otherwise than the live generation.

    `changes`, `live` and `highest` are by table; `letters` that are new, and the ids of those that are `buried` no
    more, by partition, offset and stage; completions that are `untold`, by partition.
    """

    comparison: Comparison
    changes: Mapping[str, Changes]
    live: Mapping[str, Mapping[Identity, Known]]
    highest: dict[str, dict[Identity, int]]
    letters: list[Message]
    buried: Mapping[tuple[int, int, str], str]
    untold: Mapping[int, list[tuple[bytes, bytes]]] = field(default_factory=dict)

    @property
    def claims(self) -> list[Identity]:
        """Claims that no longer follow."""
        return list(self.changes[CLAIMS.name].gone)

    def tutorials(self, recomputed: Recomputation) -> set[str]:
        """The tutorials of these students, whose days may be others now."""
        tables = (EVENTS.name, STUDENT_DAY.name)
        return {
            identity[0]
            for name in tables
            for rows in (self.live[name], recomputed.rows.tables[name])
            for identity in rows
        }

    def runs(self, recomputed: Recomputation) -> set[str]:
        """The anonymous runs that these students claim, or did."""
        return {
            identity[0]
            for claims in (self.live[CLAIMS.name], recomputed.rows.tables[CLAIMS.name])
            for identity in claims
        }

    def outgoing(self, topics: Topics, recomputed: Recomputation, limit: int) -> dict[TopicPartition, list[Message]]:
        """The messages that bring the tables and the state to what was recomputed; raises OversizeError."""
        homes = recomputed.homes
        out = replacing(topics, recomputed.rows, self.changes, self.highest, homes=homes, limit=limit)
        for message in (*self.letters, *(_unburied(topics, place, number) for place, number in self.buried.items())):
            partition = int(dict(message.headers)[f"{LETTER}partition"])
            out.setdefault(TopicPartition(topics.dead_letters, partition), []).append(message)
        for number, cells in recomputed.cells().items():
            messages = keyed("a state", [(key, value, []) for key, value in cells], limit)
            out[TopicPartition(topics.changelog, number)] = messages
        for number, completions in self.untold.items():
            messages = keyed("a completion", [(key, value, []) for key, value in completions], limit)
            out[TopicPartition(topics.completions, number)] = messages
        return out


def difference(
    tables: LiveTables, topics: Topics, scope: Scope, recomputed: Recomputation, *, webhook_days: int | None
) -> Difference:
    """Ask ClickHouse, which must hold everything that the live generation has said so far.

    `webhook_days` leaves out outcomes of older webhooks, which ClickHouse does not keep; None takes all, for what
    rules make of them now must be known to a later replay. Raises ClickHouse's errors, and JournalError if rows come
    from webhooks that the log no longer has.
    """
    rows, changes = recomputed.rows, {}
    live: dict[str, dict[Identity, Known]] = {}
    highest: dict[str, dict[Identity, int]] = {}
    ids = [int(number) for (number,) in rows.tables[WEBHOOKS.name]]
    for table in (WEBHOOKS, *BY_ACTOR):
        asked = ("id", ids) if table is WEBHOOKS else ("actor", recomputed.actors)
        known, top = tables.known(table, *asked)
        new = rows.alive(table)
        if table is WEBHOOKS:
            if webhook_days is not None:
                new = _recent(new, known, webhook_days)
        else:
            _hold(scope, lost(known, recomputed.places, recomputed.positions))
        live[table.name], highest[table.name] = known, top
        contents = tables.contents(table, new)
        changes[table.name] = changes_of(table, new, contents, known, highest=top, positions=recomputed.positions)
    letters = {place: number for place, number in tables.letters(topics.raw).items() if place[:2] in recomputed.records}
    added = [message for place, message in rows.letters.items() if place not in letters]
    buried = {place: number for place, number in letters.items() if place not in rows.letters}
    figures = len(letters), len(added), len(buried)
    comparison = comparison_of(topics.generation, scope, rows, changes, live, letters=figures)
    return Difference(comparison, changes, live, highest, added, buried, recomputed.completions())


def _recent(new: dict[Identity, Row], known: Mapping[Identity, Known], days: int) -> dict[Identity, Row]:
    since = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d %H:%M:%S}"
    return {identity: row for identity, row in new.items() if identity in known or row.columns["created_at"] >= since}


def _hold(scope: Scope, rows: list[Identity]) -> None:
    if rows:
        message = (
            f"{len(rows)} rows of {scope} come from webhooks that the log no longer has, such as {' '.join(rows[0])}: "
            "recomputed, they would be lost, so nothing was changed."
        )
        raise JournalError(message)


def _unburied(topics: Topics, place: tuple[int, int, str], number: str) -> Message:
    """A record that takes the dead letter of a raw record back."""
    partition, offset, stage = place
    origin: dict[str, str | int] = {
        "topic": topics.raw,
        "partition": partition,
        "offset": offset,
        "timestamp": 0,
        "stage": stage,
    }
    fields = {**origin, "reason": RECOMPUTED, "id": number, "deleted": 1}
    return Message(None, None, letter_headers(fields))
