"""Sends the bundled documents and tables what became of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import orjson
from rich.console import Group
from rich.markup import escape
from rich.progress import TaskProgressColumn, TimeRemainingColumn

from deploy.demo.documents import demo_documents
from deploy.demo.sending import send_webhooks
from operations.bars import bars
from operations.generations.journal import read_journal
from operations.generations.offsets import Offsets
from operations.tables import WholeTable
from schemas.wire.place import OFFSET_BITS, place_at
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from rich.console import Console

    from schemas.settings import Settings

__all__ = ["DemoError", "run_demo"]

_WAIT_SECONDS: Final = 45.0
_POLL_SECONDS: Final = 0.1


class DemoError(RuntimeError):
    """What was sent did not come out in time, or was refused; the text says what is missing."""


async def run_demo(settings: Settings, console: Console) -> None:
    """Send the documents and print webhooks by status, facts by kind and the students' scores.

    Raises DemoError if a document is refused or has no outcome after 45 s.
    """
    bodies = demo_documents()
    assert settings.token is not None  # noqa: S101 - `up` always has one
    demo_rows = _Own.of(bodies, await _ends(settings))
    with bars(console, TaskProgressColumn, TimeRemainingColumn, transient=True) as progress:
        task = progress.add_task(f"sending {len(bodies)} documents", total=len(bodies))
        answers = await send_webhooks(
            bodies, settings.gateway_url, settings.token.get_secret_value(), sent=lambda: progress.advance(task)
        )
    if set(answers) != {"200 ok"}:
        message = f"the gateway refused documents: {dict(answers)}"
        raise DemoError(message)
    await asyncio.to_thread(_wait, settings, demo_rows, len(bodies))
    await _until_stored(settings)
    # At once, so that no part's log lines come between them.
    console.print(Group(*await asyncio.to_thread(_tables, settings, demo_rows)))


@dataclass(frozen=True, slots=True)
class _Own:
    """What tells the demo's rows from others: its students and runs, and for webhooks the places from this demo on."""

    students: list[int]
    runs: list[str]
    places: list[int]

    @classmethod
    def of(cls, bodies: list[bytes], ends: dict[int, int]) -> _Own:
        """Those of documents, with the ends of the raw topic before they are sent."""
        documents = [orjson.loads(body) for body in bodies]
        return cls(
            sorted({document["user_id"] for document in documents}),
            sorted({document["telemetry_id"] for document in documents}),
            [place_at(number, end) for number, end in ends.items()],
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The same as parameters of a query."""
        return {"students": self.students, "runs": self.runs, "places": self.places, "bits": OFFSET_BITS}


_WEBHOOKS: Final = """webhooks
WHERE has({students:Array(UInt64)}, student_id) AND id >= arrayFirst(
    place -> bitShiftRight(place, {bits:UInt8}) = bitShiftRight(id, {bits:UInt8}), {places:Array(UInt64)}
)"""
_SCORES: Final = "user_id, asset_slug, engagement_score, frustration_score, completion_rate"
_OWN_RUNS: Final = "WHERE has({students:Array(UInt64)}, user_id) AND has({runs:Array(String)}, telemetry_id)"


async def _ends(settings: Settings) -> dict[int, int]:
    """Where the raw topic ends, by partition."""
    topics = Topics.of(settings)
    async with Offsets(settings) as offsets:
        return await offsets.ends_in(topics.raw)


def _client(settings: Settings) -> Client:
    return clickhouse_connect.get_client(
        dsn=settings.clickhouse.get_secret_value(), database=settings.database, autogenerate_session_id=False
    )


def _count(settings: Settings, demo_rows: _Own) -> int:
    client = _client(settings)
    try:
        answer = client.query(f"SELECT count() FROM {_WEBHOOKS}", parameters=demo_rows.parameters)  # noqa: S608 - our own text
        return int(answer.result_rows[0][0])
    finally:
        client.close()


def _wait(settings: Settings, demo_rows: _Own, wanted: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while (present := _count(settings, demo_rows)) < wanted:
        if time.monotonic() > deadline:
            message = f"{wanted - present} documents have no outcome after {_WAIT_SECONDS:g} s; ask `status` why."
            raise DemoError(message)
        time.sleep(_POLL_SECONDS)


async def _until_stored(settings: Settings) -> None:
    """An outcome is committed with its facts and scores, but each topic is stored for itself."""
    topics = Topics.of(settings).of_generation((await read_journal(settings)).live)
    async with Offsets(settings) as offsets:
        stored = await offsets.until_stored(topics, _WAIT_SECONDS)
    if not stored:
        message = f"what became of the documents is not stored after {_WAIT_SECONDS:g} s; ask `status` why."
        raise DemoError(message)


def _tables(settings: Settings, demo_rows: _Own) -> list[WholeTable]:
    client = _client(settings)
    try:
        webhooks = client.query(
            f"SELECT status, verdict, count() FROM {_WEBHOOKS} GROUP BY ALL ORDER BY ALL",  # noqa: S608 - as above
            parameters=demo_rows.parameters,
        ).result_rows
        facts = client.query(
            f"SELECT event, count(), uniqExact(actor) FROM events {_OWN_RUNS} GROUP BY ALL ORDER BY 2 DESC",  # noqa: S608
            parameters=demo_rows.parameters,
        ).result_rows
        scores = client.query(
            f"SELECT {_SCORES}, total_time_seconds / 3600 FROM scores {_OWN_RUNS} ORDER BY asset_slug, user_id",  # noqa: S608
            parameters=demo_rows.parameters,
        ).result_rows
    finally:
        client.close()
    return [
        _table("Webhooks", ("status", "verdict", "webhooks"), webhooks),
        _table("Facts", ("event", "facts", "students"), facts),
        _table("Scores", ("student", "tutorial", "engagement", "frustration", "completion %", "hours"), scores),
    ]


def _table(title: str, columns: tuple[str, ...], rows: Any) -> WholeTable:
    first = rows[0] if rows else columns
    numbers = [name for name, cell in zip(columns, first, strict=True) if isinstance(cell, int | float)]
    table = WholeTable(*columns, title=title, right=numbers)
    for row in rows:
        table.add_row(
            *(f"{cell:.2f}" if isinstance(cell, float) else "" if cell is None else escape(str(cell)) for cell in row)
        )
    return table
