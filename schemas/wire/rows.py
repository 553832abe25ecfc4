"""The tables: one definition of each column's name, ClickHouse type and meaning, and of what identifies a row.

`sinks/ddl` says how they are stored (engine, order, retention, indexes) and takes the columns from here, so that a
column is written down once. A test holds `system.columns` to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.wire.formats import FIRST

__all__ = [
    "ASSET_DAILY",
    "CLAIMS",
    "DEAD_LETTERS",
    "EVENTS",
    "GENERATION_TABLES",
    "HEADERS_TYPE",
    "RAW",
    "SCORES",
    "STUDENT_DAY",
    "TABLES",
    "TELEMETRY",
    "WEBHOOKS",
    "Column",
    "Table",
]

_INSTANT: Final = "DateTime64(3, 'UTC')"
_ID: Final = "UInt64"
_OPTIONAL_ID: Final = "Nullable(UInt64)"
_WORD: Final = "LowCardinality(String)"
_SCORE: Final = "Nullable(Float64)"
HEADERS_TYPE: Final = "Array(Tuple(name String, value Nullable(String)))"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `default` is an SQL expression for rows that leave it out, `codec` how it is compressed."""

    name: str
    type: str
    comment: str
    default: str = ""
    codec: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: rows that agree in `identity` are one row, of which the highest version counts.

    `format` (schemas.wire.formats) is raised where an older sink would write rows that do not fit those of this
    release, such as with another identity; a column more needs none.
    """

    name: str
    comment: str
    identity: tuple[str, ...]
    columns: tuple[Column, ...]
    format: int = FIRST

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in order."""
        return tuple(column.name for column in self.columns)


_VERSION: Final = Column("version", "UInt64", "Of rows with one identity the highest version counts")
_DELETED: Final = Column("deleted", "UInt8", "1 takes the row with this identity back", default="0")
_ACTOR: Final = Column("actor", "String", "The student: a user id as text, a notebook's name, or telemetry:<id>")
_USER: Final = Column("user_id", _OPTIONAL_ID, "The student's numeric user id, null while nobody is named")
_ASSET: Final = Column("asset_slug", _WORD, "Canonical slug of the tutorial, or a notebook, empty if unknown")
_TELEMETRY_ID: Final = Column("telemetry_id", "String", "The client's id of one student's run of one tutorial")
_SCORES: Final = (
    Column("engagement_score", _SCORE, "0 to 100, null where nothing is computed (docs/indicators.md)"),
    Column("frustration_score", _SCORE, "0 to 100, null where nothing is computed (docs/indicators.md)"),
    Column("completion_rate", _SCORE, "Completed steps in percent, null where nothing is computed"),
)
_WRITTEN: Final = Column("written_at", "DateTime64(6, 'UTC')", "When the row was inserted", default="now64(6)")

EVENTS: Final = Table(
    "events",
    "New things that students did, each once",
    ("asset_slug", "event", "step_slug", "actor", "item_id"),
    (
        Column("event", _WORD, "open_step, compile, test, complete_step...; of notebooks start, cell, test..."),
        Column("occurred_at", _INSTANT, "When the student did it, by the student's clock", codec="Delta, ZSTD(1)"),
        Column("received_at", _INSTANT, "When the webhook arrived", codec="Delta, ZSTD(1)"),
        Column("academy_id", _OPTIONAL_ID, "The academy that the webhook was sent for"),
        _USER,
        _ACTOR,
        _TELEMETRY_ID,
        _ASSET,
        Column("asset_id", _OPTIONAL_ID, "Id of the tutorial in the LMS"),
        Column("package_id", _OPTIONAL_ID, "Id of the tutorial in LearnPack"),
        Column("step_slug", "String", "The step, cell or exercise, empty for what concerns the whole tutorial"),
        Column("step_position", "Nullable(Int64)", "Place of the step in the tutorial, from 0"),
        Column("exit_code", "Nullable(Int64)", "Of a compilation or test; 0 is success"),
        Column("succeeded", "Nullable(Bool)", "Whether a compilation, test or quiz went well"),
        Column("duration_ms", "Nullable(Int64)", "End minus start by the student's clock, in milliseconds"),
        Column("error_type", _WORD, "Kind of error that the client named"),
        Column("code_bytes", "Nullable(UInt64)", "Size of the source code in bytes, null if none was sent"),
        Column(
            "output_bytes", "Nullable(UInt64)", "Size of what was printed or answered in bytes, null if none was sent"
        ),
        Column("source", _WORD, "batch, stream or notebook: how it was first seen"),
        Column("properties", "JSON(max_dynamic_paths=64)", "What else is known, without any text of the student's"),
        Column("webhook_id", _ID, "The webhook that first told it"),
        Column("ordinal", "UInt32", "Its place among the facts of that webhook"),
        Column("item_id", "UInt128", "Identity: hash of actor, asset, step, event and the item's own start or uuid"),
        _VERSION,
        _DELETED,
        _WRITTEN,
    ),
)

RAW: Final = Table(
    "raw",
    "Webhooks as received, byte for byte, from the raw topic",
    ("id",),
    (
        Column("id", _ID, "The webhook's place in the log: partition << 40 | offset of its first record"),
        Column("received_at", _INSTANT, "When it arrived", codec="Delta, ZSTD(1)"),
        Column("academy_id", _OPTIONAL_ID, "The academy scope of the request"),
        Column("principal", _OPTIONAL_ID, "User id of the personal token, null for an ingest key"),
        Column("source", _WORD, "learnpack, posthog or staff"),
        Column("params", "String", "Query parameters without the token, as JSON text"),
        Column("payload", "String", "The request body, decompressed, otherwise untouched", codec="ZSTD(3)"),
        Column("receipt", "String", "UUID that the gateway gave it on arrival"),
        Column("version", "UInt64", "Place of the record in the raw topic: a retry replaces the first try"),
        Column("key", "Nullable(String)", "Key of the record: the student"),
        Column("headers", HEADERS_TYPE, "Headers of the record, in their order", codec="ZSTD(1)"),
        Column("valueless", "UInt8", "1 if the record had no value at all, which payload shows as empty"),
        Column("place", _OPTIONAL_ID, "Place of the original in the log, null in rows from before key and headers"),
    ),
)

WEBHOOKS: Final = Table(
    "webhooks",
    "What became of each webhook",
    ("id",),
    (
        Column("id", _ID, "As in raw"),
        Column("is_streaming", "Bool", "Whether it is a streamed event rather than a batch"),
        Column("event", _WORD, "The event's name; batch for documents"),
        Column("academy_ids", "Array(UInt64)", "The request's academy scope, then the student's academies"),
        Column("student_id", _OPTIONAL_ID, "The student's user id"),
        Column("asset_id", _OPTIONAL_ID, "The tutorial that it was resolved to"),
        Column("package_slug", "String", "Slug of the package as sent"),
        Column("learnpack_package_id", "Nullable(Int64)", "Package id as sent"),
        Column("status", _WORD, "PENDING, DONE, ERROR or IGNORED"),
        Column("status_text", "String", "OK, or why not"),
        Column("verdict", _WORD, "stored, ignored, duplicate, stale, error or dead"),
        Column("result", "Nullable(String)", "What a staff command did, as JSON text"),
        Column("source", _WORD, "learnpack, posthog or staff"),
        Column("created_at", _INSTANT, "When it arrived", default="now64(3)", codec="Delta, ZSTD(1)"),
        Column("updated_at", _INSTANT, "When its status was last set", default="now64(3)", codec="Delta, ZSTD(1)"),
        _VERSION,
        _DELETED,
    ),
)

TELEMETRY: Final = Table(
    "telemetry",
    "The document of each student and tutorial, as the last batch or staff command left it",
    ("asset_slug", "actor"),
    (
        Column("id", _ID, "Stable id of the pair"),
        _USER,
        _ACTOR,
        _ASSET,
        _TELEMETRY_ID,
        Column("document", "String", "The document, as JSON text", codec="ZSTD(3)"),
        Column("updated_at", _INSTANT, "Effective time of the webhook that brought it"),
        _VERSION,
        _DELETED,
    ),
)

SCORES: Final = Table(
    "scores",
    "What was computed for each student and tutorial, latest state",
    ("asset_slug", "actor"),
    (
        _USER,
        _ACTOR,
        _ASSET,
        Column("asset_id", _OPTIONAL_ID, "Id of the tutorial in the LMS"),
        _TELEMETRY_ID,
        *_SCORES,
        Column("total_time_seconds", "Nullable(Float64)", "Time on the tutorial, in seconds"),
        Column("metrics_algo_version", "Nullable(Float64)", "Version of the indicators' algorithm"),
        Column("metrics", "Nullable(String)", "Indicators per step and in all, as JSON text", codec="ZSTD(3)"),
        Column("overlay", "Nullable(String)", "Streamed items newer than the document, as JSON text", codec="ZSTD(3)"),
        Column("last_interaction_at", f"Nullable({_INSTANT})", "Last sign of the student, by the student's clock"),
        Column("finished_at", f"Nullable({_INSTANT})", "When the tutorial was completed, null before"),
        Column("updated_at", _INSTANT, "Effective time of the webhook that changed them"),
        _VERSION,
        _DELETED,
    ),
)

STUDENT_DAY: Final = Table(
    "student_day",
    "The last scores of each student, tutorial and UTC day on which they changed",
    ("asset_slug", "actor", "day"),
    (
        Column("day", "Date", "UTC day of record time", default="toDate(updated_at)"),
        _ASSET,
        _USER,
        _ACTOR,
        *_SCORES,
        Column("updated_at", _INSTANT, "Effective time of the webhook that changed them"),
        _VERSION,
        _DELETED,
        _WRITTEN,
    ),
)

CLAIMS: Final = Table(
    "claims",
    "Anonymous runs (telemetry_id) that a named student's batch has claimed",
    ("telemetry_id", "actor"),
    (
        _TELEMETRY_ID,
        Column("actor", "String", "The named student"),
        _VERSION,
        _WRITTEN,
    ),
)

ASSET_DAILY: Final = Table(
    "asset_daily",
    "Each tutorial's figures as of the end of each UTC day on which something changed",
    ("asset_slug", "day"),
    (
        Column("day", "Date", "UTC day of record time"),
        _ASSET,
        Column("frustration_avg", "Float64", "Mean of the students' frustration scores as of that day, 0 if none"),
        Column("engagement_avg", "Float64", "Mean of the students' engagement scores as of that day, 0 if none"),
        Column("completion_avg", "Float64", "Mean of the students' completion rates as of that day, 0 if none"),
        Column("total_sessions", "UInt64", "Students with a record as of that day"),
        Column("active_students", "UInt64", "Students with a new fact or score on that day"),
        Column("open_steps", "UInt64", "Steps first opened, by day of arrival"),
        Column("compiles", "UInt64", "Compilations, by day of arrival"),
        Column("compile_failures", "UInt64", "Compilations that failed"),
        Column("tests", "UInt64", "Tests, by day of arrival"),
        Column("test_failures", "UInt64", "Tests that failed"),
        Column("quizzes", "UInt64", "Quiz submissions, by day of arrival"),
        Column("quiz_failures", "UInt64", "Quiz submissions that failed"),
        Column("ai_interactions", "UInt64", "Questions to the AI tutor, by day of arrival"),
        Column("computed_at", "DateTime64(6, 'UTC')", "When the figures were computed"),
        Column("scores_seen", "UInt64", "Fingerprint of the score versions that the figures come from"),
        Column("facts_seen", "UInt64", "Fingerprint of the fact versions that the figures come from"),
        _VERSION,
        _DELETED,
    ),
)

DEAD_LETTERS: Final = Table(
    "dead_letters",
    "Records that could not be processed, as they were, and why",
    ("topic", "partition", "offset", "line", "stage"),
    (
        Column("id", _ID, "Place of the letter in the dead-letter topic: partition << 40 | offset"),
        Column("topic", _WORD, "Topic that the record came from"),
        Column("partition", "Int32", "Its partition"),
        Column("offset", "Int64", "Its offset"),
        Column("line", "Int32", "Line of a packed record, from 0; -1 for the whole record"),
        Column("timestamp", _INSTANT, "The record's own timestamp"),
        Column("stage", _WORD, "Where it failed"),
        Column("reason", "String", "Why, in one line"),
        Column("traceback", "String", "Traceback, if there was one"),
        Column("key", "Nullable(String)", "The record's key"),
        Column(
            "value", "Nullable(String)", "The record's value, byte for byte; of a huge one the start", codec="ZSTD(3)"
        ),
        Column("size", "UInt64", "Size of the whole value, in bytes"),
        Column("headers", "Map(String, String)", "The record's own headers"),
        Column("resolution", _WORD, "Empty while it waits; else what became of it: retried or dropped"),
        Column("received_at", _INSTANT, "When it was dead-lettered"),
        _VERSION,
        _DELETED,
    ),
)

GENERATION_TABLES: Final = (
    EVENTS,
    WEBHOOKS,
    TELEMETRY,
    SCORES,
    STUDENT_DAY,
    CLAIMS,
    ASSET_DAILY,
    DEAD_LETTERS,
)
TABLES: Final = (RAW, *GENERATION_TABLES)
