"""The MainTable of ProgSnap2 for one tutorial: each fact is one event, in the standard's columns and no others.

ClickHouse makes the rows, pseudonyms of subjects and of events among them, and writes the file's format; nothing is
held here. What the standard has no type for is `X-…`, as it says; what facts do not have, code and messages, stays
empty.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from broker.clickhouse_errors import one_line
from operations.clickhouse_streams import PARQUET, EndedError, pieces
from operations.export.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

__all__ = ["COLUMNS", "EVENT_TYPES", "METADATA", "MainTable", "event_id_of", "subject_of"]

_BLOCK: Final = 64
_SUBJECTS: Final = b"progsnap2"
# An `item_id` is a hash of the student and of what happened, so that whoever tries all students finds whose it is.
_EVENTS: Final = b"progsnap2-items"
_SUBJECT: Final = "subject-"
_DIGITS: Final = 32

# Ours, and what it is there. Those that begin with X- are explained in the data set's README.md.
EVENT_TYPES: Final = {
    "start_tutorial": "X-Tutorial.Start",
    "start_session": "Session.Start",
    "start": "Session.Start",
    "open_step": "Resource.View",
    "compile": "Compile",
    "test": "Run.Test",
    "quiz_submission": "Submit",
    "ai_interaction": "X-Assistant.Ask",
    "complete_step": "X-Step.Complete",
    "cell": "X-Cell.Run",
}
_NAMES: Final = ", ".join(f"'{event}'" for event in EVENT_TYPES)
_TYPES: Final = ", ".join(f"'{kind}'" for kind in EVENT_TYPES.values())

_PERCENTAGE: Final = "toFloat64OrNull(toString(properties.percentage))"

# In the order of the file: the standard's name, and how it is made of a row of `events`.
_SQL_OF: Final = {
    "EventType": f"transform(toString(event), [{_NAMES}], [{_TYPES}], concat('X-', event))",
    "EventID": "event_id",
    "SubjectID": "subject",
    "ToolInstances": "if(source = 'notebook', 'Jupyter', 'LearnPack')",
    "CodeStateID": "''",
    "Order": "row_number() OVER (ORDER BY occurred_at, webhook_id, ordinal, item_id)",
    "ClientTimestamp": "formatDateTime(occurred_at, '%FT%T.%fZ', 'UTC')",
    "ServerTimestamp": "formatDateTime(received_at, '%FT%T.%fZ', 'UTC')",
    "CourseID": "if(academy_id IS NULL, '', toString(academy_id))",
    "AssignmentID": "toString(asset_slug)",
    "ProblemID": "step_slug",
    "SessionID": "if(event IN ('start_session', 'start'), event_id, '')",
    "ResourceID": "if(event = 'open_step', step_slug, '')",
    "CodeStateSection": "''",
    "EventInitiator": "'UserDirectAction'",
    "CompileResult": "if(event = 'compile', multiIf(succeeded, 'Success', NOT succeeded, 'Error', ''), '')",
    "CompileMessageType": "if(event = 'compile', if(succeeded, 'Success', error_type), '')",
    "ExecutionID": "if(event IN ('test', 'quiz_submission'), event_id, '')",
    "TestID": "if(event = 'test', concat(asset_slug, '/', step_slug), '')",
    "ExecutionResult": (
        "if(event = 'test', multiIf(succeeded, 'Success', NOT succeeded,"
        " if(error_type IN ('', 'AssertionError'), 'TestFailed', 'Error'), ''), '')"
    ),
    "Score": (
        "multiIf(event = 'test', toFloat64(succeeded), event = 'quiz_submission',"
        f" multiIf({_PERCENTAGE} IS NULL, toFloat64(succeeded),"
        f" {_PERCENTAGE} BETWEEN 0 AND 100, {_PERCENTAGE} / 100, NULL), NULL)"
    ),
}
COLUMNS: Final = tuple(_SQL_OF)

# As the standard has it: one property a row. The order of events is known within a subject, by clocks of their own.
METADATA: Final = {
    "Version": "1.0",
    "IsEventOrderingConsistent": "false",
    "EventOrderScope": "Restricted",
    "EventOrderScopeColumns": "SubjectID",
    "CodeStateRepresentation": "Table",
    "ProgramInputLinkTable": "",
}

_EXACT: Final = {
    "use_skip_indexes_if_final": 0,
    "max_bytes_before_external_sort": 256 << 20,
    "output_format_parquet_string_as_string": 1,
    "output_format_parquet_compression_method": "zstd",
    "format_csv_null_representation": "",
}


_WHERE: Final = """
WHERE asset_slug = {asset:String}
    AND received_at >= {since:DateTime64(3, 'UTC')} AND received_at < {until:DateTime64(3, 'UTC')}
"""


class MainTable:
    """The events of a tutorial whose webhooks arrived in a time. Raises sinks.clickhouse.CLICKHOUSE_ERRORS."""

    def __init__(self, client: Client, asset: str, since: str, until: str, key: bytes | None) -> None:
        """`key` is the system's key of pseudonyms; without one subjects are the actors as they are."""
        self._client = client
        self._given = {
            "asset": asset,
            "since": since,
            "until": until,
            **({} if key is None else {**_pads(key, _SUBJECTS, "subject"), **_pads(key, _EVENTS, "event")}),
        }
        subject = "actor" if key is None else f"concat('{_SUBJECT}', {_hmac('subject', 'actor')})"
        event_id = "toString(item_id)" if key is None else _hmac("event", "toString(item_id)")
        columns = ", ".join(f"{sql} AS {name}" for name, sql in _SQL_OF.items())
        self._query = (
            f"SELECT {columns} FROM (SELECT *, {subject} AS subject, {event_id} AS event_id FROM events {_WHERE})"
            " ORDER BY Order"
        )

    def count(self) -> int:
        """How many events there are."""
        ((count,),) = self._client.query(f"SELECT count() FROM events {_WHERE}", self._given).result_rows
        return int(count)

    def write(self, form: str) -> Iterator[bytes]:
        """The table in a format of ClickHouse's, in pieces; raises ExportError where not all of it comes."""
        end = PARQUET if form == "Parquet" else b"\n"
        try:
            yield from pieces(self._client, self._query, self._given, _EXACT, form, end=end)
        except EndedError as error:
            message = (
                f"ClickHouse ended in the middle of the table ({one_line(error)}): export again, or parts of it by"
                " --since and --until."
            )
            raise ExportError(message) from error


def subject_of(key: bytes, actor: str) -> str:
    """The subject that an actor is, by the system's key of pseudonyms; ClickHouse comes to the same."""
    return f"{_SUBJECT}{_digits(key, _SUBJECTS, actor)}"


def event_id_of(key: bytes, item_id: str) -> str:
    """The EventID of a fact, likewise."""
    return _digits(key, _EVENTS, item_id)


def _digits(key: bytes, purpose: bytes, text: str) -> str:
    return hmac.digest(_own(key, purpose), text.encode(), hashlib.sha256).hex()[:_DIGITS]


def _own(key: bytes, purpose: bytes) -> bytes:
    """A key for this alone, from which the system's cannot be found: ClickHouse may log what it is given."""
    return hmac.digest(key, purpose, hashlib.sha256)


def _hmac(pads: str, text: str) -> str:
    """HMAC-SHA256 by its definition, which ClickHouse computes with the two halves of a key, `_pads`."""
    inner, outer = (f"unhex({{{pads}_{half}:String}})" for half in ("inner", "outer"))
    return f"left(lower(hex(SHA256(concat({outer}, SHA256(concat({inner}, {text})))))), {_DIGITS})"


def _pads(key: bytes, purpose: bytes, name: str) -> dict[str, str]:
    """The two halves of HMAC's key."""
    own = _own(key, purpose).ljust(_BLOCK, b"\0")
    return {
        f"{name}_{half}": bytes(byte ^ pad for byte in own).hex() for half, pad in (("inner", 0x36), ("outer", 0x5C))
    }
