"""Whatever body is in the log, every command that reads bodies does its work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest

from schemas.lenient import loads
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from schemas.wire.webhook import student_key
from tests.chaos.kafka import produce
from tests.support.commands import command
from tests.support.odd_bodies import ODD_BODIES
from tests.support.raw_log import ids
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system

STUDENT, OTHER = "203", "990099"
# The webhook may be all in the parameters.
BARE = RawHeaders(academy=4, params={"user_id": STUDENT, "slug": "x", "telemetry_id": "s", "event": "open_step"})


def key(body: bytes | None) -> bytes:
    """The key that the gateway gives a body; one that cannot be read has that of nobody."""
    try:
        payload = loads(body or b"")
    except ValueError:
        return b"asset:"
    return student_key(payload, None) if isinstance(payload, dict) else b"asset:"


def odd(place: Settings) -> None:
    """Send each odd body with the parameters of a whole webhook, with none, and under a key that says nothing."""
    ours = [(None, STUDENT.encode(), body, encode_headers(BARE)) for body in ODD_BODIES.values()]
    plain = [(None, key(body), body, encode_headers(RawHeaders(academy=4))) for body in ODD_BODIES.values()]
    body = orjson.dumps({"user_id": OTHER, "slug": "x", "telemetry_id": "o", "event": "open_step"})
    other = [(None, OTHER.encode(), body, encode_headers(RawHeaders(academy=4)))]
    asyncio.run(produce(place.kafka, Topics.of(place).raw, [*ours, *plain, *other]))


def test_every_reader_of_bodies_takes_any_body(
    installed: Settings,
    start_part: Callable[..., Child],
    clickhouse: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Trying rules, archive, restore, copy, recomputing a student and erasing one all end well and lose no byte."""
    monkeypatch.setattr("operations.raw_log.target.MARGIN", 1_000)
    start_part("worker")
    start_part("sink")
    odd(installed)
    count = 2 * len(ODD_BODIES) + 1
    for table in ("raw FINAL", "webhooks"):
        all_of_it = f"SELECT count() FROM {installed.database}.{table}"
        eventually(lambda: clickhouse.command(all_of_it) == count, 60, table)  # noqa: B023
    draft = tmp_path / "draft.json"
    draft.write_bytes(orjson.dumps({"rules": [{"user_ids": [STUDENT], "events": ["open_step"]}]}))
    archive = tmp_path / "archive"
    archive.mkdir()
    ignored = f"SELECT count() FROM {installed.database}.webhooks WHERE student_id = {STUDENT} AND event = 'open_step'"
    readable = int(str(clickhouse.command(ignored)))

    tried = command("rules", "test", 4, draft, "--since", "1h", "--json")
    assert tried.code == 0, tried.err
    assert orjson.loads(tried.out)["ignored"] == readable > 0
    for arguments in (
        ("archive", archive, "--until", "2999-12-31"),
        ("raw", "restore", archive, "restored"),
        ("raw", "copy", "copied"),
        ("replay", "--student", STUDENT, "--dry-run"),
    ):
        outcome = command(*arguments)
        assert outcome.code == 0, (arguments, outcome.err)
    for name in ("restored", "copied"):
        assert ids(installed.model_copy(update={"raw_topic": name})) == ids(installed)

    outcome = command("forget", "--student", STUDENT, "--yes", "--json")
    assert outcome.code == 0, outcome.err
    left = clickhouse.query(
        f"SELECT key, payload FROM {installed.database}.raw FINAL", query_formats={"String": "bytes"}
    )
    keys = {row[0] for row in left.result_rows}
    assert STUDENT.encode() not in keys
    assert {OTHER.encode(), b"asset:"} <= keys
