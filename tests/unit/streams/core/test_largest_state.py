"""The largest state that the bounds allow, and its scores, can be sent."""

from __future__ import annotations

from itertools import count
from typing import Any

import orjson

from schemas.settings import Settings
from streams.core import bounds
from tests.support.core import Core, state_of
from tests.support.payloads import document, milliseconds, step

_SMALL = 20


def _notebook() -> dict[str, Any]:
    long = "{:😀>128}".format

    def event(name: str, at: int, **properties: Any) -> dict[str, Any]:
        properties |= {"nb": "tutorial", "sess": long(at)}
        return {"event": name, "distinct_id": "7", "uuid": f"{name} {at}", "properties": properties}

    tests = [event("test", at, ex=long(at % 1_000), ok=False) for at in range(5_000)]
    return {"batch": [*tests, *(event("cell", at, cell_id=long(at)) for at in range(1_000))]}


def _fill(core: Core) -> None:
    """Bring one state to all of its bounds, with the longest texts there can be."""
    names = (f"{number:\x01>128}" for number in count())
    starts = count(1)

    def quiz() -> dict[str, Any]:
        start = milliseconds(next(starts))
        return {"started_at": start, "ended_at": start, "quiz_hash": "\x02" * 64}

    core.send(_notebook(), source="posthog")
    own = [next(names) for _ in range(bounds.STEPS)]
    event = {"event": "quiz_submission", "user_id": 7, "telemetry_id": "t-1", "package_slug": "tutorial"}
    core.run([core.record({**event, "slug": own[at % 500], "data": quiz()}) for at in range(bounds.STREAMED)])
    for run in range(3):
        each = [quiz() for _ in range(10)]
        steps = [step(next(names), 0, 1, quiz_submissions=each, position=1 << 31) for _ in range(bounds.STEPS)]
        core.send(document(*steps, last=0, user_id=7, telemetry_id=f"{run:x>255}"))
    core.send({"user_id": 7, "slug": "tutorial", "telemetry_id": "x" * 255, "note": "\x03" * (bounds.ROOT - 400)})
    command = {"command": "telemetry.upsert", "user_id": "7", "asset_slug": "tutorial"}
    core.send({**command, "fields": {"metrics": {"m": "m" * (255 << 10)}, "telemetry": None}}, source="staff")


def test_the_largest_state_and_its_scores_fit_into_a_message() -> None:
    """At all bounds at once, with texts that grow sixfold in JSON, both stay well below what a topic takes."""
    core = Core()
    _fill(core)

    state = state_of(core, "7", "tutorial")
    limit = Settings(_env_file=None).max_message_bytes
    assert [row["status_text"] for row in core.outcomes if row["status"] == "ERROR"] == []
    assert (len(state.overlay), len(state.seen)) == (bounds.STREAMED, bounds.NAMES)
    assert max(map(len, core.table.values())) < bounds.LARGEST < limit * 0.9
    assert max(len(orjson.dumps(score)) for score in core.scores) < limit / 2
