"""Whatever JSON stands in whatever place, a webhook is decided and its rows are well-formed."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.wire.rows import EVENTS, SCORES, WEBHOOKS
from streams.core.errors import Undecodable
from streams.core.policy import Policy
from tests.support.client import Client
from tests.support.core import MORNING, Core
from tests.support.examples import examples
from tests.support.strategies import ANY_JSON


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [found for key, item in inner for found in _paths(item, (*path, key))]


def _put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    with contextlib.suppress(KeyError, IndexError, TypeError):
        for key in path[:-1]:
            value = value[key]
        value[path[-1]] = new


def _session() -> list[dict[str, Any]]:
    client = Client([True, False], MORNING)
    client.open(0)
    client.attempt(0, "compile", 1)
    client.attempt(0, "test", 0)
    client.ask(0)
    client.open(1)
    quiz = {"status": "SUCCESS", "quiz_hash": "q", "percentage": 100, "selections": [], "started_at": 1, "ended_at": 2}
    client.document["steps"][1]["quiz_submissions"] = [quiz]
    client.document["steps"][1]["testeable_elements"] = [{"type": "quiz", "hash": "q"}]
    client.batch()
    event = {"slug": "01", "telemetry_id": "t1", "user_id": 7, "step_position": 1, "event": "quiz_submission"}
    return [payload for _, payload in client.posted] + [{**event, "data": {**quiz, "started_at": MORNING}}]


_ROOTS = [
    "asset_id",
    "asset_ids",
    "package_id",
    "package",
    "payload",
    "academy_id",
    "package_slug",
    "event",
    "data",
    "steps",
]


@given(data=st.data(), strict=st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_nothing_in_a_payload_makes_the_core_raise(data: st.DataObject, *, strict: bool) -> None:
    """Real webhooks with any JSON value in any place end with one outcome each, and every row has its columns."""
    core = Core(policy=Policy(strict=strict))
    core.refer("users", 7, {"id": 7, "academies": [1]})
    core.refer("assets", 5, {"id": 5, "slug": "lists", "graded": True, "aliases": ["l"]})
    core.refer("tasks", 70, {"id": 70, "user_id": 7, "associated_slug": "lists"})
    core.refer(
        "ignore-rules", 1, {"rules": [{"user_ids": [3], "asset_ids": [4]}], "events": ["x"], "package_slugs": ["y"]}
    )
    payloads = _session()
    for payload in payloads:
        for _ in range(data.draw(st.integers(0, 3))):
            _put(payload, data.draw(st.sampled_from(_paths(payload))), data.draw(ANY_JSON))
        if data.draw(st.booleans()):
            payload[data.draw(st.sampled_from(_ROOTS))] = data.draw(ANY_JSON)
    for payload in payloads:
        with contextlib.suppress(Undecodable):
            core.send(orjson.dumps(payload), academy=data.draw(st.sampled_from([None, 1])))

    assert all(set(row) <= set(EVENTS.names) for row in core.facts)
    assert all(set(row) <= set(WEBHOOKS.names) for row in core.outcomes)
    assert all(set(row) <= set(SCORES.names) for row in core.scores)
    assert all(row["status"] in ("DONE", "ERROR", "IGNORED") for row in core.outcomes)
    assert all(row["occurred_at"][:2] in ("19", "20") and int(row["item_id"]) < 1 << 128 for row in core.facts)


@given(value=st.binary(max_size=80))
def test_bytes_that_are_no_webhook_are_undecodable(value: bytes) -> None:
    """They raise Undecodable and nothing else."""
    with contextlib.suppress(Undecodable):
        Core().send(value)


def test_what_is_nearly_json_is_no_dead_letter() -> None:
    """The worker reads what the gateway takes: half an emoji, a byte order mark, NaN."""
    core = Core()
    body = (
        b'\xef\xbb\xbf{"telemetry_id": "t", "user_id": 7, "slug": "lists", "x": NaN, "steps": [{"slug": "00",'
        b' "position": 0, "opened_at": 1772438400000, "title": "\\ud83d"}]}'
    )

    assert core.verdict(body)[0] == "DONE"
    assert ("open_step", "00") in core.events()
    ((document, _),) = core.telemetry.values()
    # What is stored is JSON for whoever reads it, the half is U+FFFD.
    assert orjson.loads(document or b"")["steps"][0]["title"] == "\ufffd"
