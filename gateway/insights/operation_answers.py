"""What operators are answered, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

__all__ = [
    "CHANGED_EXAMPLE",
    "LETTERS_EXAMPLE",
    "LETTER_EXAMPLE",
    "OPERATIONS_EXAMPLE",
    "RETRIED_EXAMPLE",
    "SYSTEM_EXAMPLE",
    "Changed",
    "Letters",
    "Operations",
    "Retried",
    "System",
    "WholeLetter",
]


class PartitionLag(BaseModel):
    """How far a consumer group is behind in a partition, and how long the oldest record there has waited."""

    partition: int
    lag: int
    seconds: float


class GroupLag(BaseModel):
    """How far a consumer group is behind in a topic, in records and in seconds since the oldest was written."""

    group: str
    topic: str
    lag: int
    seconds: float
    partitions: list[PartitionLag] = Field(description="Those in which any waits.")


class Spool(BaseModel):
    """What waits for Kafka on the disk of the gateway that is asked, in all its processes."""

    direct: bool = Field(description="Whether webhooks go to Kafka without the spool.")
    records: int
    bytes: int
    damaged_segments: int
    oldest_seconds: float | None = Field(description="Since the oldest that waits arrived; null where none does.")


class System(BaseModel):
    """Whether everything works, and what waits where; of the last half minute."""

    as_of: str
    healthy: bool
    parts: dict[str, str]
    lag: list[GroupLag]
    spool: Spool


class TableDifference(BaseModel):
    """Rows of a table in the live and in the new generation; `moving` ones say nothing yet."""

    table: str
    live: int
    new: int
    only_live: int
    only_new: int
    different: int
    moving: int


class Comparison(BaseModel):
    """What a replay would change: of each list the twenty largest changes, with old and new figures."""

    at: str
    live: int
    new: int
    part: str = Field(description="What is replaced in place; empty for a generation.")
    equal: bool
    tables: list[TableDifference]
    verdicts: list[dict[str, Any]] = Field(description="Kinds of changes, with some webhooks of each.")
    verdicts_changed: int = Field(description="Webhooks with another verdict.")
    scores: list[dict[str, Any]] = Field(description="Students whose scores move, and by how much.")
    scores_moved: int
    days: list[dict[str, Any]] = Field(description="Days of tutorials whose figures change.")
    days_changed: int


class Operations(BaseModel):
    """The whole system: `parts` are `ok` or say what is wrong."""

    as_of: str
    healthy: bool
    parts: dict[str, str]
    lag: list[GroupLag]
    rows: dict[str, int]
    last_error: dict[str, Any] | None
    restarts: dict[str, Any]
    notes: list[str]
    generations: dict[str, Any] | None = Field(
        description="The journal: which is live, and where a replay stands. Null where Kafka does not tell."
    )
    comparison: Comparison | None = Field(
        description="What the last replay compared; null where none has, in the gateway's data directory."
    )
    spool: Spool


class Letter(BaseModel):
    """A record that could not be processed: where it came from and failed, and what became of it."""

    id: int
    topic: str
    partition: int
    offset: int
    line: int = Field(description="Of a record of many lines, from 0; -1 for the whole record.")
    stage: str
    why: str
    resolution: str = Field(description="Empty while it waits, then `retried` or `dropped`.")
    written_at: str
    failed_at: str
    size: int = Field(description="Of the value, in bytes.")


class WholeLetter(Letter):
    """The same with the record: `value` is null where there was none, and cut where `truncated`."""

    trace: str
    key: str | None
    value: str | None
    truncated: bool
    headers: dict[str, str]


class LetterGroup(BaseModel):
    """Dead letters that failed alike."""

    topic: str
    stage: str
    why: str
    letters: int
    newest_at: str


class Letters(BaseModel):
    """A page of dead letters, and the largest groups of all that pass."""

    groups: list[LetterGroup]
    count: int
    next: str | None
    previous: str | None
    results: list[Letter]


class Retried(BaseModel):
    """How many were sent again or would be, and by id why others were left."""

    preview: bool
    count: int
    left: dict[str, str]
    results: list[Letter]


class Changed(BaseModel):
    """A value as the patch leaves it, and how many were sent (one, or none where somebody else was quicker)."""

    preview: bool
    count: int
    value: Any


_LETTER: Final[dict[str, Any]] = {
    "id": 17,
    "topic": "learnpack.webhooks.raw",
    "partition": 0,
    "offset": 9012,
    "line": -1,
    "stage": "decode",
    "why": "not JSON: unexpected character",
    "resolution": "",
    "written_at": "2026-04-15T10:39:11.120Z",
    "failed_at": "2026-04-15T10:39:11.310Z",
    "size": 12,
}
_GROUP: Final[dict[str, Any]] = {
    "topic": "learnpack.webhooks.raw",
    "stage": "decode",
    "why": "not JSON: unexpected character",
    "letters": 1,
    "newest_at": "2026-04-15T10:39:11.310Z",
}
LETTERS_EXAMPLE: Final[dict[str, Any]] = {
    "groups": [_GROUP],
    "count": 1,
    "next": None,
    "previous": None,
    "results": [_LETTER],
}
LETTER_EXAMPLE: Final[dict[str, Any]] = {
    **_LETTER,
    "trace": "",
    "key": "1234",
    "value": "{not JSON",
    "truncated": False,
    "headers": {"academy": "1", "source": "learnpack"},
}
CHANGED_EXAMPLE: Final[dict[str, Any]] = {
    "preview": True,
    "count": 1,
    "value": {"user_id": 1234, "slug": "javascript-arrays-intro"},
}
RETRIED_EXAMPLE: Final[dict[str, Any]] = {"preview": True, "count": 1, "left": {}, "results": [_LETTER]}
SYSTEM_EXAMPLE: Final[dict[str, Any]] = {
    "as_of": "2026-04-15T10:39:11.120Z",
    "healthy": True,
    "parts": {"gateway": "ok", "kafka": "ok", "worker": "ok", "sink": "ok", "clickhouse": "ok"},
    "lag": [
        {
            "group": "learnpack.worker.g1",
            "topic": "learnpack.webhooks.raw",
            "lag": 3,
            "seconds": 0.4,
            "partitions": [{"partition": 2, "lag": 3, "seconds": 0.4}],
        }
    ],
    "spool": {"direct": True, "records": 0, "bytes": 0, "damaged_segments": 0, "oldest_seconds": None},
}
OPERATIONS_EXAMPLE: Final[dict[str, Any]] = {
    **SYSTEM_EXAMPLE,
    "rows": {"raw": 9012, "webhooks": 9012, "events": 120_311},
    "last_error": None,
    "restarts": {},
    "notes": [],
    "generations": {"live": 1, "previous": None, "last": 2, "step": "catching-up", "target": 2},
    "comparison": {
        "at": "2026-04-15T10:38:02+00:00",
        "live": 1,
        "new": 2,
        "part": "",
        "equal": False,
        "tables": [
            {
                "table": "scores",
                "live": 214,
                "new": 214,
                "only_live": 0,
                "only_new": 0,
                "different": 1,
                "moving": 0,
            }
        ],
        "verdicts": [],
        "verdicts_changed": 0,
        "scores": [
            {
                "actor": "1234",
                "asset_slug": "javascript-arrays-intro",
                "live_frustration_score": 9.5,
                "new_frustration_score": 4.5,
                "change": 5.0,
            }
        ],
        "scores_moved": 1,
        "days": [],
        "days_changed": 0,
    },
}
