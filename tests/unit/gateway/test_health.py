"""What readiness says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
from fastapi import FastAPI

from gateway.health import Readiness, health_routes
from gateway.metrics import Metrics
from tests.support.metrics import sample
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    import pytest


def test_damaged_segments_are_told_and_keep_nobody_from_being_served() -> None:
    """The body counts them if there are any; the gateway is ready all the same."""
    sound = Readiness(kafka=True, clickhouse=True, views=True)
    damaged = Readiness(kafka=True, clickhouse=True, views=True, damaged_spool_segments=2)

    assert sound.as_json() == {"status": "ok", "kafka": True, "clickhouse": True, "views": True}
    assert damaged.ready
    assert damaged.as_json() == {**sound.as_json(), "damaged_spool_segments": 2}


def test_a_part_that_ends_again_and_again_makes_the_system_not_ready() -> None:
    """What is taken would not go on to the tables: the body says which part, and why."""
    trouble = {"worker-1": "ends again and again, 3 times in the last 10 minutes: exit code 72"}
    state = Readiness(kafka=True, clickhouse=True, views=True, restarting=trouble)

    assert not state.ready
    assert state.as_json() == {
        "status": "not ready",
        "kafka": True,
        "clickhouse": True,
        "views": True,
        "restarting": trouble,
        "not_ready": trouble,
    }


def test_what_is_not_ready_is_named_and_said_in_words() -> None:
    """A broker that answers while webhooks on disk go first is told apart from one that does not."""
    away = Readiness(kafka=False, clickhouse=False, views=False)
    drains = Readiness(kafka=False, clickhouse=True, views=True, draining=True)

    assert [state.ready for state in (away, drains)] == [False, False]
    assert away.as_json()["not_ready"].keys() == {"kafka", "clickhouse", "views"}
    assert drains.as_json()["not_ready"].keys() == {"kafka"}
    assert drains.missing["kafka"] != away.missing["kafka"]
    assert "draining" not in drains.as_json()


class _Counting(Metrics):
    rendered = 0

    def text(self) -> bytes:
        """As ever, and counted."""
        self.rendered += 1
        return super().text()


async def test_figures_are_rendered_once_for_all_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many do at a time, and what is counted afterwards is told soon after."""
    metrics, app = _Counting(), FastAPI()

    async def readiness() -> Readiness:
        return Readiness(kafka=True, clickhouse=True, views=True)

    app.include_router(health_routes(readiness, metrics))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        loop = asyncio.get_running_loop()
        now = loop.time()
        with monkeypatch.context() as standing:
            # However long fifty questions take on a busy machine.
            standing.setattr(loop, "time", lambda: now)
            answers = await asyncio.gather(*(client.get("/metrics") for _ in range(50)))
        rendered = metrics.rendered
        metrics.accepted_bytes.inc(7)

        async def told() -> bool:
            return sample((await client.get("/metrics")).text, "telemetry_gateway_accepted_bytes_total") == 7

        await aeventually(told, 30, "what was counted meanwhile")

    assert {answer.text for answer in answers} == {answers[0].text}
    assert rendered == 1
