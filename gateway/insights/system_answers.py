"""What operators are answered about the whole system, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

__all__ = ["OPERATIONS_EXAMPLE", "SYSTEM_EXAMPLE", "Operations", "System"]


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
    kept_seconds: float | None = Field(
        description="After which time the topic deletes a record, read or not; null where it never does."
    )


class Spool(BaseModel):
    """What waits for Kafka on the disk of the gateway that is asked, in all its processes."""

    direct: bool = Field(description="Whether webhooks go to Kafka without the spool.")
    records: int
    bytes: int
    damaged_segments: int
    oldest_seconds: float | None = Field(description="Since the oldest that waits arrived; null where none does.")


class PartitionHistory(BaseModel):
    """How far a consumer group was behind in a partition, step by step: the most of each step, null if unmeasured."""

    group: str
    topic: str
    partition: int
    most_seconds: float
    records: list[int | None]
    seconds: list[float | None]


class LagHistory(BaseModel):
    """The last six hours; of partitions in which records waited the fifty where one waited longest."""

    step_seconds: int
    moments: list[str] = Field(description="When each step began.")
    measured: list[bool] = Field(description="Whether anybody measured in the step.")
    partitions: list[PartitionHistory]
    partitions_with_lag: int


class Process(BaseModel):
    """A part that `up` runs on the gateway's machine; null where it does not run."""

    name: str
    state: str
    restarts: int
    last: str = Field(description="How it ended the last time; empty if it never did.")
    memory_bytes: int | None = Field(description="What it and its children hold in memory.")
    seconds: float | None = Field(description="How long it runs.")


class Disk(BaseModel):
    """The disk of the gateway's data directory, and what the directory's parts take of it."""

    total_bytes: int
    free_bytes: int
    taken_bytes: dict[str, int | None]


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
    expired: int = Field(0, description="Rows that are only live because the log no longer has their webhooks.")


class Operations(BaseModel):
    """The whole system: `parts` are `ok` or say what is wrong."""

    as_of: str
    healthy: bool
    parts: dict[str, str]
    lag: list[GroupLag]
    lag_history: LagHistory | None = Field(description="Null where ClickHouse does not tell.")
    processes: list[Process] = Field(description="Empty where `up` does not run the system.")
    disk: Disk | None
    table_bytes: int | None = Field(description="What ClickHouse's tables take.")
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
            "kept_seconds": 31_536_000.0,
        }
    ],
    "spool": {"direct": True, "records": 0, "bytes": 0, "damaged_segments": 0, "oldest_seconds": None},
}
OPERATIONS_EXAMPLE: Final[dict[str, Any]] = {
    **SYSTEM_EXAMPLE,
    "lag_history": {
        "step_seconds": 300,
        "moments": ["2026-04-15T10:35:00.000Z"],
        "measured": [True],
        "partitions": [
            {
                "group": "learnpack.worker.g1",
                "topic": "learnpack.webhooks.raw",
                "partition": 2,
                "most_seconds": 0.4,
                "records": [3],
                "seconds": [0.4],
            }
        ],
        "partitions_with_lag": 1,
    },
    "processes": [
        {
            "name": "worker-1",
            "state": "running",
            "restarts": 0,
            "last": "",
            "memory_bytes": 190_000_000,
            "seconds": 8040.2,
        }
    ],
    "disk": {"total_bytes": 250_000_000_000, "free_bytes": 90_000_000_000, "taken_bytes": {"kafka": 12_000_000}},
    "table_bytes": 3_400_000,
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
        "expired": 0,
    },
}
