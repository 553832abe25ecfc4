"""`rules test --since`: what a draft would have done with the webhooks that were received."""

from __future__ import annotations

import asyncio
import re
import shlex
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce
from tests.support.blocks import run_by
from tests.support.commands import command
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system

HOUR = 3_600_000

DRAFT = {"rules": [{"user_ids": ["7"], "events": ["compile"]}, {"asset_ids": [318]}], "package_slugs": ["dull"]}
BY_USER = "Ignored by academy learnpack_features.telemetry_webhook_ignore rule (user_ids,events)."
BY_ASSET = "Ignored by academy learnpack_features.telemetry_webhook_ignore rule (asset_ids)."
BY_SLUG = "Ignored by academy learnpack_features.telemetry_webhook_ignore (package_slugs)."

ASSET = {"asset_id": "318"}

# How many hours ago each webhook of academy 4 came, and what it would meet; the bodies that are no plain objects are
# the worker's to judge as well.
WEBHOOKS: list[tuple[bytes, RawHeaders, int, str | None]] = [
    (b'{"slug": "00", "user_id": 7, "event": "compile", "data": {}}', RawHeaders(academy=4), 0, BY_USER),
    (b'{"slug": "00", "user_id": " 07", "event": "compile"}', RawHeaders(academy=4), 0, BY_USER),
    (b'{"slug": "lists", "user_id": 7}', RawHeaders(academy=4), 0, None),
    (b'{"slug": "dull", "user_id": 8, "steps": []}', RawHeaders(academy=4), 0, BY_SLUG),
    (b'{"slug": "x", "slug": "dull", "user_id": 9}', RawHeaders(academy=4), 0, BY_SLUG),
    (b'{"slug": "lists"}', RawHeaders(academy=4, principal="10", params={"asset_id": "1,318"}), 0, None),
    (b'{"slug": "lists"}', RawHeaders(academy=4, principal="11", params={"asset_id": "318"}), 0, BY_ASSET),
    (b'{"slug": "dull", "user_id": 12, "academy_id": "4"}', RawHeaders(), 0, BY_SLUG),
    (b'{"slug": "dull", "user_id": 16, "telemetry_id": "r1"}', RawHeaders(academy=4), 0, BY_SLUG),
    (b'{"slug": "00", "user_id": 16, "telemetry_id": "r1", "event": "open_step"}', RawHeaders(academy=4), 0, BY_SLUG),
    (b'{"slug": "own", "user_id": 17, "telemetry_id": "r2"}', RawHeaders(academy=4, params=ASSET), 0, BY_ASSET),
    (b'{"slug": "own", "user_id": 17, "telemetry_id": "r2"}', RawHeaders(academy=4), 0, BY_ASSET),
    (b'{"slug": "00", "user_id": 17, "telemetry_id": "r2", "event": "test"}', RawHeaders(academy=4), 0, BY_ASSET),
    (b'{"slug": "00", "user_id": 18, "telemetry_id": "r2", "event": "test"}', RawHeaders(academy=4), 0, None),
]
LEFT_OUT = [
    (b'{"slug": "dull", "user_id": 8, "academy_id": 4}', RawHeaders(academy=5), 0),
    (b'{"slug": "dull", "user_id": 8, "academy_id": 5}', RawHeaders(), 0),
    (b'{"slug": "dull", "user_id": 14}', RawHeaders(academy=4, principal="13"), 0),
    (b'{"slug": "dull"', RawHeaders(academy=4), 0),
    (b'{"slug": "dull", "user_id": 15}', RawHeaders(academy=4), 3),
]


def received(place: Settings, clickhouse: Client) -> None:
    """Send all of them, and wait until every one is in the log with what became of it."""
    every = [(body, headers, hours) for body, headers, hours, _ in WEBHOOKS] + LEFT_OUT
    records = [(0, b"k", body, encode_headers(headers)) for body, headers, _ in every]
    # Not when this module was read, which may be hours ago.
    now = time.time_ns() // 1_000_000
    times = [now - hours * HOUR for _, _, hours in every]
    asyncio.run(produce(place.kafka, Topics.of(place).raw, records, timestamps=times))
    query = f"SELECT (SELECT count() FROM {place.database}.raw FINAL), (SELECT count() FROM {place.database}.webhooks)"
    eventually(lambda: clickhouse.query(query).first_row == (len(every), len(every)), 60, "all rows")


def test_a_draft_is_tried_on_what_was_received(
    installed: Settings,
    start_part: Callable[..., Child],
    clickhouse: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It counts exactly the webhooks and students that the worker ignores once the draft is in force."""
    worker = start_part("worker")
    start_part("sink")
    received(installed, clickhouse)
    draft = tmp_path / "draft.json"
    draft.write_bytes(orjson.dumps(DRAFT))
    expected = [text for *_, text in WEBHOOKS if text is not None]

    outcome = command("rules", "test", 4, draft, "--since", "1h", "--json")
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = orjson.loads(outcome.out)

    examples = found.pop("examples")
    # In the log's order, of which these are the last of each rule.
    places = [place for place, (*_, text) in enumerate(WEBHOOKS) if text == BY_SLUG][-3:]
    assert [one["webhook"] for one in examples if one["rule"] == BY_SLUG] == places
    assert [one["user_id"] for one in examples if one["rule"] == BY_USER] == [7, 7]
    assert found == {
        "webhooks": len(WEBHOOKS),
        "students": 9,
        "ignored": len(expected),
        "ignored_students": 7,
        "rules": {text: expected.count(text) for text in set(expected)},
        "before": {"stored": 10, "duplicate": 1} if "duplicate" in found["before"] else {"stored": 11},
    }
    assert command("rules", "test", 4, "--since", "1h", stdin=draft.read_bytes()).out.startswith(
        "11 of 14 webhooks of 7 of 9 students would have been ignored, since "
    )
    (example,) = run_by("tests/system/test_rules_since.py::test_a_draft_is_tried_on_what_was_received")
    monkeypatch.chdir(tmp_path)
    printed = command(*shlex.split(example.text)[1:]).out
    shown = ".*".join(re.escape(part) for part in example.output.split("…"))
    assert re.fullmatch(shown, printed, re.DOTALL), printed
    assert "12 of 15 webhooks of 8 of 10 " in command("rules", "test", 4, "--draft", draft, "--since", "1d").out
    assert "0 of 0 webhooks of 0 of 0 students" in command("rules", "test", 6, draft, "--since", "1d").out
    assert command("rules", "get", 4).out == "{}\n"

    put = command("rules", "put", 4, draft)
    assert (put.code, put.err) == (
        0,
        "They would have ignored 12 of 15 webhooks of the last 7 days, of 8 of 10 students.\n",
    )
    worker.terminate()
    before = int(str(clickhouse.command(f"SELECT count() FROM {installed.database}.webhooks")))
    records = [(0, b"k", body, encode_headers(headers)) for body, headers, _, _ in WEBHOOKS]
    asyncio.run(produce(installed.kafka, Topics.of(installed).raw, records))
    # A worker that starts has read the rules before it handles the first webhook.
    start_part("worker")
    log = f"SELECT status_text FROM {installed.database}.webhooks WHERE id >= {before} ORDER BY id"
    texts = eventually(
        lambda: rows if len(rows := clickhouse.query(log).result_rows) == len(WEBHOOKS) else None, 60, "the same again"
    )
    assert [text if text.startswith("Ignored by academy") else None for (text,) in texts or ()] == [
        text for *_, text in WEBHOOKS
    ]


def test_wrong_usage_is_refused(installed: Settings, tmp_path: Path) -> None:
    """Two drafts, no payload, and a span that is none are named before anything is read."""
    draft = tmp_path / "draft.json"
    draft.write_text('{"events": 3}')

    assert command("rules", "test", 4, draft, "--draft", draft, "--since", "1d").code == 2
    assert command("rules", "test", 4).code == 2
    assert command("rules", "test", 4, draft, "--since", "soon").code == 2
    refused = command("rules", "test", 4, draft, "--since", "1d")
    assert (refused.code, refused.complaint) == (1, "error: `events` must be a list")
    assert installed.partitions == 2
