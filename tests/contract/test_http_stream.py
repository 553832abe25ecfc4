"""Webhooks as they are stored: who sees which, and when a stream ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from operations.tokens import NewToken, digest, grant, revoke_token
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

STREAM: Final = "/v1/telemetry/academy/webhooks/stream"
ME: Final = "/v1/assignment/me/telemetry"
LOG: Final = "/v1/assignment/academy/learnpack/webhook"


def told(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """The events of a stream, by name."""
    name = ""
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


@contextlib.contextmanager
def listening(client: httpx.Client, query: str = "") -> Iterator[Iterator[tuple[str, Any]]]:
    """The events of a stream from when none is missed any more."""
    with client.stream("GET", f"{STREAM}?{query}", timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = told(answer)
        assert next(events) == ("watching", {})
        yield events


def test_each_sees_the_webhooks_of_its_own_academy(system: HttpSystem) -> None:
    """A webhook is told with its verdict once it is stored, to staff of its academy and to no others."""
    with (
        system.client() as staff,
        system.client("foreign", 2) as foreign,
        listening(staff, "event=streamed-one,streamed-two&status=error") as ours,
        listening(foreign, "event=streamed-one,streamed-two") as theirs,
    ):
        for client, event in ((staff, "streamed-one"), (foreign, "streamed-two")):
            assert client.post(ME, json={"event": event, "slug": "s", "user_id": 1}).text == "ok"
        (name, mine), (_, other) = next(ours), next(theirs)

    assert name == "webhook"
    assert (mine["event"], mine["status"], mine["verdict"]) == ("streamed-one", "ERROR", "error")
    assert other["event"] == "streamed-two"


def test_a_stream_ends_with_its_token(system: HttpSystem) -> None:
    """Who may not see webhooks any more is told no more of them."""
    token = NewToken(9, {1: ("read_assignment",)}, datetime.now(UTC))
    asyncio.run(grant(system.settings, token, "to-be-revoked"))
    headers = {"Authorization": "Token to-be-revoked", "Academy": "1"}
    with httpx.Client(base_url=system.url, headers=headers, timeout=30, verify=PLAIN) as client:
        eventually(lambda: client.get(LOG).is_success, 30, "the token in force")
        with listening(client) as events:
            asyncio.run(revoke_token(system.settings, digest("to-be-revoked")))
            left = list(events)

    assert {name for name, _ in left} <= {"webhook"}


def test_a_gateway_that_ends_ends_its_streams(system: HttpSystem) -> None:
    """Nobody who listens keeps it from ending."""
    with system.another_gateway() as other:
        headers = dict(other.client().headers)
        with (
            httpx.Client(base_url=other.url, headers=headers, timeout=30, verify=PLAIN) as client,
            listening(client, "event=none") as events,
        ):
            other.gateway.process.terminate()
            assert list(events) == []
        assert other.gateway.process.wait(30) == 0


@pytest.mark.parametrize(("who", "status"), [("foreign", 403), ("student", 403), ("expired", 401), (None, 401)])
def test_who_may_not_see_gets_no_stream(system: HttpSystem, who: str | None, status: int) -> None:
    """Refused like every other route, before anything is streamed."""
    with system.client(who) as client:
        assert client.get(STREAM).status_code == status
