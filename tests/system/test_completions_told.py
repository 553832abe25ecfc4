"""Completions that follow only when everything, or a part, is computed anew: told once, and what was told is not.

One system serves all tests, in their order.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from operations.directory import publish_reference
from operations.generations.journal import JournalWriter
from operations.generations.offsets import Offsets
from operations.generations.telling import Telling
from schemas.wire.generations import Phase
from schemas.wire.topics import Topics
from tests.chaos.kafka import read_all
from tests.support.core import MORNING
from tests.support.http_system import HttpSystem, http_system
from tests.support.replay import journal, replay, start_replay, stored
from tests.support.waiting import eventually
from tests.support.webhook_receiver import SECRET, receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

RULES = "/v1/assignment/academy/learnpack/telemetry-webhook-ignore"
STUDENTS = (123, 456, 1234)
TUTORIALS = {"first": 871, "second": 872, "third": 873}
_moments = itertools.count(60_000, 1_000)


@pytest.fixture(scope="module")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system in which three students have finished two tutorials, of which the second is not graded."""
    with http_system(stack, tmp_path_factory.mktemp("told"), parts=("gateway",)) as running:
        for slug in TUTORIALS:
            assign(running, slug, graded=slug == "first")
        running.start("worker")
        running.start("sink")
        for user in STUDENTS:
            finish(running, user, "first")
            finish(running, user, "second")
        stored(running, 6, deleted=0)
        yield running


def task_of(user: int, slug: str) -> int:
    """The id of a student's task of a tutorial."""
    return user * 1_000 + TUTORIALS[slug]


def assign(system: HttpSystem, slug: str, *, graded: bool) -> None:
    """Put a tutorial's record in force, and everybody's task of it."""
    asset = {"id": TUTORIALS[slug], "slug": slug, "title": slug, "lang": "us", "graded": graded, "academy": 1}
    refer(system, Topics.of(system.settings).assets, asset)
    for user in STUDENTS:
        task = {"id": task_of(user, slug), "user_id": user, "title": slug, "associated_slug": slug}
        refer(system, Topics.of(system.settings).tasks, task | {"task_type": "EXERCISE"})


def refer(system: HttpSystem, topic: str, record: dict[str, Any]) -> None:
    """Put a record of the directory in force."""
    asyncio.run(publish_reference(system.settings, topic, [(b"%d" % record["id"], orjson.dumps(record))]))


def finish(system: HttpSystem, user: int, slug: str) -> None:
    """A later batch than any before, of a finished tutorial of one step."""
    step = {"slug": "01", "position": 0, "opened_at": MORNING, "completed_at": MORNING + 1_000}
    document = {
        "telemetry_id": f"{user}-{slug}",
        "user_id": user,
        "slug": slug,
        "tutorial_started_at": MORNING,
        "last_interaction_at": MORNING + next(_moments),
        "steps": [step],
        "workout_session": [],
    }
    with system.client() as client:
        assert client.post("/v1/assignment/me/telemetry", json=document).text == "ok"


def finish_all(system: HttpSystem) -> None:
    """Another batch of everybody and everything, up to its outcome."""
    sent = int(system.query("SELECT count() FROM raw")[0][0])
    for user in STUDENTS:
        finish(system, user, "first")
        finish(system, user, "second")
    stored(system, sent + 2 * len(STUDENTS), deleted=0)


def told(system: HttpSystem) -> list[tuple[int, str, tuple[int, ...]]]:
    """What the LMS has read so far: student, tutorial and tasks, each as often as it was told."""
    settings = system.settings
    records = asyncio.run(read_all(settings.kafka, Topics.of(settings).completions, settings.partitions))
    values = [orjson.loads(record.value) for part in records for record in part]
    return sorted((one["user_id"], one["asset_slug"], tuple(one["tasks"])) for one in values)


def completed(slug: str, *students: int) -> list[tuple[int, str, tuple[int, ...]]]:
    """What is to be told of a tutorial, of all students if none is named."""
    return [(user, slug, (task_of(user, slug),)) for user in students or STUDENTS]


def leave(system: HttpSystem, *, partitions: int) -> None:
    """Be a replay that dies while it tells: `swapping` is written, some partitions have been told, others not."""

    async def die() -> None:
        settings = system.settings
        async with JournalWriter(settings) as writer, Offsets(settings) as offsets:
            await writer.write(writer.journal.paused())
            await writer.write(writer.journal.swapping(dict.fromkeys(range(settings.partitions), 0)))
            assert writer.journal.target is not None
            first = settings.model_copy(update={"partitions": partitions})
            await Telling(first, writer.journal.live, writer.journal.target).tell(offsets)

    asyncio.run(die())


def test_a_part_that_newly_completes_is_told_once(system: HttpSystem) -> None:
    """One student's replay, after the tutorial became a graded one, tells that student's completion and no other."""
    assert told(system) == sorted(completed("first"))
    assign(system, "second", graded=True)

    assert "The LMS would be told 1 completion, " in replay(system, "--student", "123", "--yes")

    assert told(system) == sorted(completed("first") + completed("second", 123))
    assert "would be told" not in replay(system, "--student", "123", "--yes")
    assert told(system) == sorted(completed("first") + completed("second", 123))


def test_what_a_replay_completes_is_told_once_though_it_dies_meanwhile(system: HttpSystem) -> None:
    """The swap is finished by whoever waits; what had been told before the end is not told again, the rest is."""
    assert "The LMS would be told 2 completions, " in replay(system)

    leave(system, partitions=1)

    eventually(lambda: journal(system.settings).step is Phase.IDLE, 60, "the swap to be finished")
    assert journal(system.settings).live == 2
    assert told(system) == sorted(completed("first") + completed("second"))
    finish_all(system)
    assert told(system) == sorted(completed("first") + completed("second"))


def test_there_and_back_and_there_again_tells_nothing(system: HttpSystem) -> None:
    """After a rollback, and another replay, every completion has still been told once, whatever comes."""
    replay(system, "rollback", "--yes")
    assert journal(system.settings).live == 1
    finish_all(system)
    replay(system, "rollback", "--yes")
    finish_all(system)

    assert told(system) == sorted(completed("first") + completed("second"))


def test_what_rules_take_away_and_bring_back_is_not_told_again(system: HttpSystem) -> None:
    """A replay by rules that ignore what completed a tutorial, and one without them, tell nothing twice."""
    with system.client() as client:
        assert client.put(RULES, json={"rules": [{"package_slugs": ["second"]}]}).is_success
    replay(system, "--rules", "current", "--yes")
    assert system.query("SELECT count() FROM scores WHERE asset_slug = 'second'") == [(0,)]
    replay(system, "--student", "123", "--rules", "current", "--yes")
    with system.client() as client:
        assert client.put(RULES, json={"rules": []}).is_success
    replay(system, "--student", "123", "--rules", "current", "--yes")
    finish_all(system)
    # They come by another topic than the outcomes of webhooks.
    scores = "SELECT count() FROM scores WHERE asset_slug = 'second'"
    eventually(lambda: system.query(scores) == [(3,)], 60, "everybody's scores")
    assert told(system) == sorted(completed("first") + completed("second"))

    replay(system, "--rules", "current", "--yes")
    finish_all(system)

    assert told(system) == sorted(completed("first") + completed("second"))


def test_a_new_task_is_told_at_the_swap(system: HttpSystem) -> None:
    """A task that was assigned after the student's last webhook is told by a replay, with those that were."""
    task = {"id": 999_999_999, "user_id": 123, "title": "Again", "associated_slug": "first", "task_type": "EXERCISE"}
    refer(system, Topics.of(system.settings).tasks, task)

    replay(system, "--yes")
    finish_all(system)

    again = (123, "first", (task_of(123, "first"), 999_999_999))
    assert told(system) == sorted([*completed("first"), *completed("second"), again])


def test_a_replay_that_is_killed_and_resumed_tells_once(system: HttpSystem) -> None:
    """Killed as soon as it swaps, and gone on with by whoever is left."""
    sent = int(system.query("SELECT count() FROM raw")[0][0])
    for user in STUDENTS:
        finish(system, user, "third")
    stored(system, sent + len(STUDENTS), deleted=0)
    before = told(system)
    assign(system, "third", graded=True)
    live = journal(system.settings).live

    killed = start_replay(system, "--yes")
    eventually(lambda: journal(system.settings).step in {Phase.PAUSED, Phase.SWAPPING}, 90, "the swap")
    killed.kill()

    settled = {Phase.CATCHING_UP, Phase.IDLE}
    eventually(lambda: journal(system.settings).step in settled, 60, "the pause to be undone or the swap finished")
    if journal(system.settings).live == live:
        replay(system, "resume", "--yes")
    finish_all(system)
    assert journal(system.settings).live == live + 1
    assert told(system) == sorted(before + completed("third"))


def test_all_of_it_is_forwarded_once(system: HttpSystem) -> None:
    """What replays and the directory made true, too, whichever generation is live: each once, signed."""
    with receiver() as receiving:
        settings = {"TELEMETRY_FORWARD_URL": receiving.url, "TELEMETRY_FORWARD_SECRET": SECRET}
        forwarder = system.start("forward", settings)
        eventually(lambda: len(receiving.posts) >= len(told(system)), 60, "all that was told")
        assert forwarder.terminate() == 0

    forwarded = [(post.data["user_id"], post.data["asset_slug"], tuple(post.data["tasks"])) for post in receiving.posts]
    assert sorted(forwarded) == told(system)
    assert len({post.id for post in receiving.posts}) == len(forwarded)
    assert receiving.unverified == []
