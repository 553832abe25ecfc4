"""The two workloads: streamed events of 0.7 kB, and batch documents as students' machines send them."""

from __future__ import annotations

import gzip
import random
from importlib import resources
from typing import TYPE_CHECKING, Final

import orjson

from schemas.headers import RawHeaders, encode_headers
from schemas.webhook import student_key

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["batches", "events"]

_START_MS: Final = 1_780_000_000_000
_SEED: Final = 7

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
