"""The workloads: streamed events of 0.7 kB, batch documents as students' machines send them, and sessions of both."""

from __future__ import annotations

import gzip
import random
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.webhook import student_key

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["batches", "events", "sessions"]

_START_MS: Final = 1_780_000_000_000
_SEED: Final = 7
_SESSION_EVENTS: Final = 20

Raw = tuple[bytes, bytes, list[tuple[str, bytes]], int]


def events(count: int, students: int) -> Iterator[Raw]:
    """Compilations, tests and openings of as many students, in random order: key, value, headers, timestamp."""
    rnd = random.Random(_SEED)  # noqa: S311 - repeatable
    code = "x" * 380
    for index in range(count):
        student, at = rnd.randrange(students), _START_MS + index * 10
        kind = rnd.choice(("open_step", "compile", "compile", "test"))
        data = (
            {"source_code": code, "stdout": "", "exit_code": index % 3 and 1, "starting_at": at - 900, "ended_at": at}
            if kind != "open_step"
            else {"path": code}
        )
        payload = {
            "telemetry_id": f"t{student:08d}",
            "user_id": student + 1,
            "slug": f"{index % 20:02d}-step",
            "step_position": index % 20,
            "event": kind,
            "data": data,
        }
        headers = encode_headers(RawHeaders(params={"package_slug": f"course-{student % 20}"}, receipt=f"r{index}"))
        yield student_key(payload, None), orjson.dumps(payload), headers, at


def batches(count: int, students: int) -> Iterator[Raw]:
    """The bundled documents, posted again and again by as many students, one attempt richer each time."""
    rnd = random.Random(_SEED)  # noqa: S311 - repeatable
    packed = resources.files("deploy.demo").joinpath("documents.ndjson.gz").read_bytes()
    documents = [orjson.loads(line) for line in gzip.decompress(packed).splitlines()]
    named = [one for one in documents if one.get("slug")]
    for index in range(count):
        student, at = rnd.randrange(students), _START_MS + index * 1_000
        document = named[student % len(named)]
        steps = [*document["steps"]]
        steps[0] = {**steps[0], "compilations": [{"starting_at": at - 900, "ended_at": at, "exit_code": 0}]}
        own = {"telemetry_id": f"b{student:06d}", "user_id": student + 1, "last_interaction_at": at, "steps": steps}
        payload = {**document, **own}
        headers = encode_headers(RawHeaders(receipt=f"b{index}"))
        yield student_key(payload, None), orjson.dumps(payload), headers, at


def sessions(count: int, students: int, working: int, first: int = 0) -> Iterator[Raw]:
    """`count` webhooks of students of whom `working` work at a time, as real clients send them.

    A student streams 20 compilations and then sends the document that holds them; the next one takes the place. `first`
    is the number of the first webhook; the first `students` webhooks are a document of each student.
    """
    rnd = random.Random(_SEED + first)  # noqa: S311 - repeatable
    who = list(range(working))
    done: list[list[dict[str, Any]]] = [[] for _ in who]
    code = "x" * 380
    for index in range(first, first + count):
        at = _START_MS + index * 10
        if index < students:
            yield _webhook(index, _posted(index, at, []), index, at)
            continue
        place = rnd.randrange(working)
        student, items = who[place], done[place]
        if len(items) == _SESSION_EVENTS:
            yield _webhook(student, _posted(student, at, items), index, at)
            who[place], done[place] = (student + working) % students, []
            continue
        item = {
            "source_code": code,
            "stdout": "",
            "exit_code": index % 3 and 1,
            "starting_at": at - 900,
            "ended_at": at,
        }
        items.append(item)
        own = {"slug": "01-step", "step_position": 1, "event": "compile", "data": item}
        yield _webhook(student, own, index, at)


def _posted(student: int, at: int, items: list[dict[str, Any]]) -> dict[str, Any]:
    steps = [{"slug": f"{number:02d}-step", "position": number, "opened_at": at - 1_000} for number in range(20)]
    slug = f"course-{student % 20}"
    return {
        "slug": slug,
        "last_interaction_at": at,
        "steps": [steps[0], {**steps[1], "compilations": items}, *steps[2:]],
    }


def _webhook(student: int, own: dict[str, Any], index: int, at: int) -> Raw:
    payload = {"telemetry_id": f"s{student:08d}", "user_id": student + 1, **own}
    headers = encode_headers(RawHeaders(params={"package_slug": f"course-{student % 20}"}, receipt=f"s{index}"))
    return student_key(payload, None), orjson.dumps(payload), headers, at
