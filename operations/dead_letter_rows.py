"""Dead letters as ClickHouse has them: which there are, and which of them wait."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from operations.clickhouse import connected
from operations.cut import cut
from schemas.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings

__all__ = ["DeadLetter", "DeadLetterError", "find_letters", "resolutions", "waiting_among"]

_MOST: Final = 100_000
_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 30

# The texts are cut where there may be thousands of them, and less where there is one.
_FIND: Final = """
SELECT id, topic, partition, offset, line, stage, $reason, $traceback, resolution,
    toString(received_at) AS received_at, length(ifNull(value, '')) AS size
FROM dead_letters
WHERE (empty({ids:Array(UInt64)}) OR has({ids:Array(UInt64)}, id))
    AND ({resolved:Bool} OR resolution = '') AND ({topic:String} = '' OR topic = {topic:String})
ORDER BY received_at DESC, id DESC
LIMIT {limit:UInt32} OFFSET {skip:UInt64}
"""
_LIST: Final = _FIND.replace("$reason", cut("reason", 500)).replace("$traceback", cut("traceback", 4_000))
_BRIEF: Final = _FIND.replace("$reason", cut("reason", 500)).replace("$traceback", "'' AS traceback")
_SHOW: Final = _FIND.replace("$reason", cut("reason", 20_000)).replace("$traceback", cut("traceback", 100_000))
_RESOLUTIONS: Final = "SELECT id, resolution FROM dead_letters WHERE id BETWEEN {first:UInt64} AND {last:UInt64}"


class DeadLetterError(OperatorError):
    """A dead letter is not there or cannot be sent again; the text says what to do."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row of the table: where the record came from, where it failed and why; `size` is its value's, in bytes."""

    id: int
    topic: str
    partition: int
    offset: int
    line: int
    stage: str
    reason: str
    traceback: str
    resolution: str
    received_at: str
    size: int

    @property
    def origin(self) -> str:
        """Topic, partition, offset and line as one text."""
        return f"{self.topic}[{self.partition}]@{self.offset}" + (f" line {self.line}" if self.line >= 0 else "")


def find_letters(
    settings: Settings,
    ids: Sequence[int] = (),
    *,
    resolved: bool = False,
    topic: str = "",
    limit: int = _MOST,
    skip: int = 0,
    brief: bool = False,
) -> list[DeadLetter]:
    """Dead letters, the newest first: those named, else all; only those that wait unless `resolved`.

    Long texts end with `…`, later where a single one is asked for; with `brief` they come without their tracebacks.

    Raises DeadLetterError for an id that is not among them, and ClickHouse's errors.
    """
    parameters = {"ids": list(ids), "resolved": resolved, "topic": topic, "limit": limit, "skip": skip}
    letters = _letters(settings, _BRIEF if brief else _SHOW if len(ids) == 1 else _LIST, parameters)
    if missing := sorted(set(ids) - {letter.id for letter in letters}):
        state, those = ("is there", "that are") if resolved else ("waits", "that do")
        message = f"no dead letter {missing[0]} {state}; `dead-letters list` shows those {those}."
        raise DeadLetterError(message)
    return letters


def waiting_among(settings: Settings, ids: Sequence[int]) -> list[DeadLetter]:
    """Those of some dead letters that wait, without their tracebacks; raises ClickHouse's errors."""
    if not ids:
        return []
    parameters = {"ids": list(ids), "resolved": False, "topic": "", "limit": len(ids), "skip": 0}
    return _letters(settings, _BRIEF, parameters)


def resolutions(settings: Settings, letters: Sequence[DeadLetter]) -> dict[int, str]:
    """What has become of dead letters by now, by their ids, empty where they wait; raises ClickHouse's errors.

    Those that are not there any more are left out.
    """
    wanted = {letter.id for letter in letters}
    if not wanted:
        return {}
    with _client(settings) as client:
        # By their span, for an address holds no hundred thousand ids.
        rows = client.query(_RESOLUTIONS, parameters={"first": min(wanted), "last": max(wanted)}).result_rows
    return {letter: resolution for letter, resolution in rows if letter in wanted}


def _letters(settings: Settings, query: str, parameters: dict[str, Any]) -> list[DeadLetter]:
    with _client(settings) as client:
        return [DeadLetter(**row) for row in client.query(query, parameters=parameters).named_results()]


def _client(settings: Settings) -> contextlib.closing[Client]:
    return contextlib.closing(connected(settings, connect_seconds=_CONNECT_SECONDS, answer_seconds=_ANSWER_SECONDS))
