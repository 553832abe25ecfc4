"""Replays of a system that has lived: documents, events, staff commands, rules that changed, a deletion.

One system serves all tests, in their order.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from schemas.wire.generations import Phase
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce, read_all
from tests.support.arrived import in_every_table
from tests.support.http_system import HttpSystem, http_system
from tests.support.replay import comparison, contents, journal, leftovers, live_a_while, replay, start_replay, stored
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

RULES = "/v1/assignment/academy/learnpack/telemetry-webhook-ignore"
TRIAL = "/v1/telemetry/academy/rules/test?since=31d"


@pytest.fixture(scope="module")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system with a history."""
    with http_system(stack, tmp_path_factory.mktemp("replay"), directory="open") as running:
        live_a_while(running)
        yield running


def post_one(system: HttpSystem, user: int) -> None:
    """A webhook of a new student, up to its outcome."""
    with system.client() as client:
        event = {"user_id": user, "slug": "s", "package_slug": "everybodys", "event": "open_step", "telemetry_id": "x"}
        assert client.post("/v1/assignment/me/telemetry", json=event).text == "ok"
    eventually(
        lambda: system.query("SELECT count() FROM events WHERE user_id = {user:UInt64}", user=user)[0][0] > 0,
        60,
        f"the event of {user}",
    )


def test_a_dry_run_compares_and_leaves_nothing_behind(system: HttpSystem) -> None:
    """Every row of the new generation is the live one's, and no topic, group, database or directory is left."""
    before = leftovers(system.settings)

    told = replay(system, "--dry-run", "--workers", "2")

    assert "Every row is the same." in told
    found = comparison(system, 2)
    assert found["equal"]
    assert {one["table"]: one["new"] > 0 for one in found["tables"]} == {
        **dict.fromkeys(("events", "webhooks", "telemetry", "scores", "student_day", "claims", "asset_daily"), True),
        "dead_letters": False,
    }
    with system.client(academy=None) as operator:
        told_over_http = operator.get("/v1/telemetry/operations").json()["comparison"]
    assert (told_over_http["new"], told_over_http["equal"], told_over_http["tables"]) == (2, True, found["tables"])
    assert leftovers(system.settings) - before == {f"group {system.settings.topic_prefix}generations"} or (
        leftovers(system.settings) == before
    )
    assert journal(system.settings).step is Phase.IDLE


def test_as_recorded_twice_gives_the_same_rows(system: HttpSystem) -> None:
    """The replay equals the live run row for row, a second replay the first, and both go on with new webhooks."""
    first = contents(system.settings, 1)

    replay(system, "--yes")

    live = journal(system.settings).live
    assert contents(system.settings, live) == first
    post_one(system, 6001)
    assert comparison(system, live)["equal"]

    replay(system, "--yes")

    post_one(system, 6002)
    third = journal(system.settings)
    assert (third.live, third.previous) == (live + 1, live)
    assert comparison(system, third.live)["equal"]
    # The first one is cleaned away, the one before the last is kept.
    assert f"database {system.settings.database}_g1" not in leftovers(system.settings)
    assert system.query("SELECT generation FROM live_generation") == [(third.live,)]


def test_a_rollback_brings_the_old_generation_up_to_date(system: HttpSystem) -> None:
    """What came since the swap is in the generation that is gone back to, and it goes on from there."""
    before = journal(system.settings)

    shown = replay(system, "rollback", "--yes")

    assert f"Caught up with generation {before.live}; ClickHouse stores" in shown
    after = journal(system.settings)
    assert (after.live, after.previous) == (before.previous, before.live)
    assert system.query("SELECT generation FROM live_generation") == [(after.live,)]
    assert system.query("SELECT uniqExact(user_id) FROM events WHERE user_id IN (6001, 6002)") == [(2,)]
    post_one(system, 6003)


def test_an_unfinished_replay_is_resumed_or_dropped(system: HttpSystem) -> None:
    """Killed, it leaves the live generation untouched; other options are refused until it is dropped."""
    before = leftovers(system.settings)
    live = journal(system.settings).live
    killed = start_replay(system, "--yes")
    eventually(lambda: journal(system.settings).step is Phase.CATCHING_UP, 60, "the replay")
    killed.kill()

    post_one(system, 6004)
    other = start_replay(system, "--rules", "current", "--yes")

    assert other.process.wait(60) == 1
    assert "`replay resume` goes on, `replay drop` gives it up." in other.output
    shown = replay(system, "status")
    assert "unfinished" in shown
    assert re.search(r"catching-up +│ as-recorded │ 1\.0 +│ \d{4}-\d\d-\d\d \d\d:\d\d +│", shown)
    assert "is given up" in replay(system, "drop", "--yes")
    assert leftovers(system.settings) <= before | {f"group {system.settings.topic_prefix}generations"}
    assert journal(system.settings).live == live


def test_current_rules_give_what_a_system_with_them_would_have(
    system: HttpSystem, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A rule that is lifted brings back what it ignored, as if it had never been; a new one ignores the past.

    As much of it as a trial of the rule has said.
    """
    rules: dict[str, Any] = {"rules": [{"events": ["test"]}]}
    with system.client() as client:
        trial = client.post(TRIAL, json=rules).json()
        assert client.put(RULES, json=rules).is_success

    told = replay(system, "--rules", "current", "--yes")

    generation = journal(system.settings).live
    changes = {(one["live_verdict"], one["new_verdict"]) for one in comparison(system, generation)["verdicts"]}
    # Of what is ignored by both, the text says another rule.
    assert changes == {("ignored", "stored"), ("stored", "ignored"), ("ignored", "ignored")}
    assert "Webhooks whose verdict changed" in told
    ignored = system.query(
        "SELECT status_text, count() FROM webhooks WHERE verdict = 'ignored' AND source != 'posthog' GROUP BY ALL"
    )
    assert {text: count for text, count in ignored} == trial["rules"]  # noqa: C416 - rows of whatever
    assert sum(trial["rules"].values()) == trial["ignored"] > 0
    with http_system(stack, tmp_path_factory.mktemp("other"), parts=("gateway", "sink"), directory="open") as other:
        with other.client() as client:
            assert client.put(RULES, json=rules).is_success
        raw = asyncio.run(read_all(stack.kafka, Topics.of(system.settings).raw, 2))
        for partition, records in enumerate(raw):
            copies = [(partition, one.key, one.value, list(one.headers)) for one in records]
            times = [one.timestamp for one in records]
            asyncio.run(produce(stack.kafka, Topics.of(other.settings).raw, copies, timestamps=times))
        other.start("worker")
        stored(other, sum(map(len, raw)))
        in_every_table(other.settings)
        eventually(
            lambda: contents(other.settings, 1)["asset_daily"] == contents(system.settings, generation)["asset_daily"],
            60,
            "the days",
        )

        assert contents(other.settings, 1) == contents(system.settings, generation)


def test_another_algorithm_shows_who_moves_and_stays(system: HttpSystem) -> None:
    """Scores of another version are compared, and the live workers go on with it after the swap."""
    told = replay(system, "--algorithm", "1.1", "--yes")

    found = comparison(system, journal(system.settings).live)
    assert "Students whose scores moved" in told
    assert found["scores_moved"] == len(found["scores"]) > 0
    assert not found["verdicts"]
    post_one(system, 6005)
    in_every_table(system.settings.model_copy(update={"generation": journal(system.settings).live}))
    rows = system.query("SELECT DISTINCT metrics_algo_version FROM scores WHERE metrics_algo_version IS NOT NULL")
    assert rows == [(1.1,)]
