"""The pure core alone, in one process: `uv run python -m bench.core [--documents FILE] [--rounds 7]`.

No Kafka, no store: records in memory go through ChunkProcessor, whose state table is a dict of packed values. Each
figure is CPU time, the best of the rounds: whatever else the machine does can only add to it. Prints Markdown tables.
"""

from __future__ import annotations

import gc
import gzip
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import orjson
import typer

from bench.page import run
from schemas.reference.lookup import Reference
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.webhook import student_key
from streams.core.chunk import ChunkProcessor, Record
from streams.core.indicators import compute
from streams.core.policy import Policy
from streams.core.slim import items_of, slim, steps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_DATA = Path(__file__).parents[1] / "tests" / "data" / "documents.ndjson.gz"
_CHUNK = 1000
_FIRST_USER = 20_000
_STREAMS = (("compilations", "compile"), ("tests", "test"), ("ai_interactions", "ai_interaction"))

Table = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Posted:
    """One real document, posted for a student of its history."""

    history: int
    payload: dict[str, Any]
    body: bytes


def _read(path: Path) -> list[Posted]:
    found = []
    for row in map(orjson.loads, gzip.decompress(path.read_bytes()).splitlines()):
        payload = {"user_id": _FIRST_USER + row["history"], **row["document"]}
        # Students of different histories never share a template's telemetry_id here.
        found.append(Posted(row["history"], payload, orjson.dumps(payload)))
    return found


def _record(payload: dict[str, Any], body: bytes, offset: int, at: int) -> Record:
    headers = encode_headers(RawHeaders(params={"asset_id": "318"}))
    return Record(0, offset, at, student_key(payload, None), body, headers)


def _posted_at(payload: dict[str, Any]) -> int:
    """A second after the last thing that the document holds, by the student's clock."""
    return int(payload.get("last_interaction_at") or payload["tutorial_started_at"]) + 1000


def _run(records: Iterable[Record], table: Table) -> int:
    """One chunk; how many facts it told."""
    processor = ChunkProcessor(table.get, Reference(), Policy())
    for record in records:
        processor.apply(record)
    effects = processor.finish()
    for key, value in effects.changes:
        if value is not None:
            table[key] = value
    return len(effects.facts)


def _chunks(records: Sequence[Record], size: int, table: Table) -> int:
    return sum(_run(records[start : start + size], table) for start in range(0, len(records), size))


def _best(action: Callable[[], object], rounds: int, calls: int = 1) -> float:
    """The least CPU seconds of one call."""
    seconds = []
    for _ in range(rounds):
        gc.collect()
        begin = time.process_time()
        for _ in range(calls):
            action()
        seconds.append((time.process_time() - begin) / calls)
    return min(seconds)


def _events(posted: Posted) -> list[tuple[int, dict[str, Any]]]:
    """The same student's work as the client streams it: when, and what, in order."""
    found = []
    for place, step in enumerate(steps_of(posted.payload)):
        common = {
            "slug": step.get("slug"),
            "telemetry_id": posted.payload["telemetry_id"],
            "user_id": posted.payload["user_id"],
            "step_position": place,
        }
        if "opened_at" in step:
            found.append((step["opened_at"], {**common, "event": "open_step", "data": {}}))
        for field, event in _STREAMS:
            found.extend(
                (item["starting_at"], {**common, "event": event, "data": item}) for item in items_of(step, field)
            )
    return sorted(found, key=lambda pair: pair[0])


def _first_batch(posted: Posted) -> dict[str, Any]:
    """The document before the student did anything."""
    kept = ("slug", "position", "files", "is_testeable")
    steps = [{name: step[name] for name in kept if name in step} for step in steps_of(posted.payload)]
    return {**posted.payload, "last_interaction_at": posted.payload["tutorial_started_at"], "steps": steps}


def _streamed(documents: list[Posted]) -> tuple[list[Record], list[Record]]:
    """First batches, and the events of all students in turns."""
    newest = list({posted.history: posted for posted in documents}.values())
    batches = []
    for offset, posted in enumerate(newest):
        first = _first_batch(posted)
        batches.append(_record(first, orjson.dumps(first), offset, _posted_at(first)))
    queues = [_events(posted) for posted in newest]
    turns = [queue[turn] for turn in range(max(map(len, queues))) for queue in queues if turn < len(queue)]
    events = [
        _record(payload, orjson.dumps(payload), offset, at + 1000)
        for offset, (at, payload) in enumerate(turns, len(batches))
    ]
    return batches, events


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    print(f"\n{title}\n")
    for row in (head, tuple("---" if not n else "---:" for n in range(len(head))), *rows):
        print(f"| {' | '.join(row)} |")


def _median_document(documents: list[Posted], rounds: int) -> None:
    middle = statistics.median_low(len(posted.body) for posted in documents)
    posted = next(one for one in documents if len(one.body) == middle)
    document = slim(posted.payload)
    at = _posted_at(posted.payload)
    first, again = (_record(posted.payload, posted.body, hour, at + hour * 3_600_000) for hour in (0, 1))
    table: Table = {}
    facts = _run([first], table)
    items = sum(len(items_of(step, field)) for step in steps_of(posted.payload) for field, _ in _STREAMS)
    stages: dict[str, Callable[[], object]] = {
        "parse": lambda: orjson.loads(posted.body),
        "slim": lambda: slim(posted.payload),
        "indicators": lambda: compute(document),
        f"everything, first time ({facts} facts)": lambda: _run([first], {}),
        "everything, again an hour later (no new fact)": lambda: _run([again], dict(table)),
    }
    rows = [(name, f"{_best(action, rounds, 200) * 1e6:.0f}") for name, action in stages.items()]
    title = f"One document of median size: {middle / 1000:.1f} kB, {len(document.steps)} steps, {items} items"
    _table(title, ("stage", "µs"), rows)


def _throughput(documents: list[Posted], rounds: int) -> None:
    records = [
        _record(posted.payload, posted.body, offset, _posted_at(posted.payload))
        for offset, posted in enumerate(documents)
    ]
    size = sum(len(posted.body) for posted in documents)
    seconds = _best(lambda: _chunks(records, _CHUNK, {}), rounds)
    batches, events = _streamed(documents)
    started: Table = {}
    _chunks(batches, _CHUNK, started)
    rows = [
        (
            f"{len(records)} documents, {size / 1e6:.1f} MB",
            f"{len(records) / seconds:,.0f}",
            f"{seconds / len(records) * 1e6:.0f}",
        )
    ]
    for chunk in (_CHUNK, 100, 1):
        seconds = _best(lambda chunk=chunk: _chunks(events, chunk, dict(started)), rounds)  # type: ignore[misc]
        name = f"{len(events)} events of {len(batches)} students, chunks of {chunk}"
        rows.append((name, f"{len(events) / seconds:,.0f}", f"{seconds / len(events) * 1e6:.0f}"))
    slims = [slim(posted.payload) for posted in documents]
    seconds = _best(lambda: [compute(document) for document in slims], rounds)
    rows.append(
        (f"indicators of {len(slims)} documents", f"{len(slims) / seconds:,.0f}", f"{seconds / len(slims) * 1e6:.0f}")
    )
    _table("Decide, fold, facts and scores", ("workload", "records/s", "µs each"), rows)


def _sizes(documents: list[Posted]) -> None:
    rows = []
    slims = [len(msgspec.msgpack.encode(slim(posted.payload))) for posted in documents]
    states = []
    for posted in documents:
        table: Table = {}
        _run([_record(posted.payload, posted.body, 0, _posted_at(posted.payload))], table)
        states.append(sum(len(key) + len(value) for key, value in table.items()))
    sent = [len(posted.body) for posted in documents]
    for name, kept in (("document without its texts", slims), ("all state of the student", states)):
        ratios = [one / other for one, other in zip(kept, sent, strict=True)]
        rows.append(
            (name, *(f"{100 * one:.1f} %" for one in (sum(kept) / sum(sent), statistics.median(ratios), max(ratios))))
        )
    _table("State, as part of the documents' bytes", ("kept", "of all", "median", "largest"), rows)


def main(
    documents: Annotated[Path, typer.Option(help="NDJSON, gzipped: {history, version, document}")] = _DATA,
    rounds: Annotated[int, typer.Option(min=1)] = 7,
) -> None:
    """Measure the core on real documents and on the events that they stand for."""
    found = _read(documents)
    # A worker's heap does not hold all webhooks, so the collector shall not walk them.
    gc.freeze()
    _median_document(found, rounds)
    _throughput(found, rounds)
    _sizes(found)


if __name__ == "__main__":
    run(main, "core")
