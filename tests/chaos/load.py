"""Webhooks as LearnPack sends them: real documents and streamed events, with redeliveries and wrong clocks."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import orjson

from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.webhook import student_key

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

__all__ = ["Webhook", "counting", "documents", "webhooks"]

_START_MS = 1_780_000_000_000


@dataclass(frozen=True, slots=True)
class Webhook:
    """A raw record to produce; `timestamp` is its arrival in milliseconds."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int


def documents() -> list[dict[str, Any]]:
    """The real documents that the project bundles."""
    packed = resources.files("deploy.demo").joinpath("documents.ndjson.gz").read_bytes()
    return [orjson.loads(line) for line in gzip.decompress(packed).splitlines()]


def counting(count: int, rnd: random.Random, *, students: int = 200, bad_every: int = 0) -> Iterator[Webhook]:
    """Records for the fake core; every `bad_every`-th one is poison, in one of three ways."""
    for index in range(count):
        key = b"u%d" % rnd.randrange(students)
        value = orjson.dumps({"i": index, "pad": "x" * rnd.randrange(200)})
        if bad_every and index % bad_every == bad_every - 1:
            value = (b"\xff\x00 no JSON", b'{"raise": "on purpose"}', b"")[index % 3]
        elif rnd.random() < 0.02:
            value = orjson.dumps({"forget": True})
        yield Webhook(key, value, [("source", b"learnpack")], _START_MS + index)


def webhooks(count: int, rnd: random.Random, *, students: int = 40, day_ms: int = 0) -> Iterator[Webhook]:
    """Webhooks of students who work through the bundled tutorials, mostly streamed, with batches between.

    One in twenty comes twice, one in twenty arrives with a clock that is minutes behind. With `day_ms` that much time
    passes over the whole run, else a few seconds.
    """
    tutorials = [document for document in documents() if document.get("slug")]
    step_ms = max(day_ms // count, 1)
    last: Webhook | None = None
    for index in range(count):
        if last is not None and rnd.random() < 0.05:
            yield Webhook(last.key, last.value, last.headers, last.timestamp + step_ms)
            continue
        user = rnd.randrange(students)
        document = tutorials[user % len(tutorials)]
        at = _START_MS + index * step_ms - (rnd.randrange(600_000) if rnd.random() < 0.05 else 0)
        payload = _batch(document, user, at) if rnd.random() < 0.06 else _event(document, user, at, rnd)
        headers = encode_headers(RawHeaders(receipt=f"r{index}", academy=rnd.choice((None, 1, 2))))
        last = Webhook(student_key(payload, None), orjson.dumps(payload), headers, at)
        yield last


def _telemetry_id(document: dict[str, Any], user: int) -> str:
    return f"{document['telemetry_id']}-{user}"


def _batch(document: dict[str, Any], user: int, at: int) -> dict[str, Any]:
    own = {"telemetry_id": _telemetry_id(document, user), "user_id": 20_000 + user, "last_interaction_at": at}
    return {**document, **own}


def _event(document: dict[str, Any], user: int, at: int, rnd: random.Random) -> dict[str, Any]:
    step = rnd.choice(document["steps"])
    event = rnd.choice(("open_step", "compile", "test", "ai_interaction"))
    data: dict[str, Any] = {}
    if event in ("compile", "test"):
        data = {
            "starting_at": at - 900,
            "ended_at": at - 300,
            "exit_code": rnd.choice((0, 0, 1)),
            "source_code": "eA==",
        }
    elif event == "ai_interaction":
        data = {"student_message": "why?", "starting_at": at - 900, "ending_at": at}
    return {
        "telemetry_id": _telemetry_id(document, user),
        "user_id": 20_000 + user,
        "slug": step["slug"],
        "step_position": step["position"],
        "event": event,
        "data": data,
    }
