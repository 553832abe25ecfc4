"""Every part runs as a user who may do what its table says, and the doctor names what one may not."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING

import httpx
import orjson
import pytest

from broker import clients
from broker.committed import committed_before, members
from broker.waiting import Waiting
from operations.acls import Acl, Part, acls_of
from operations.directory import publish_reference
from operations.generations.journal import JournalWriter
from operations.lag import kept_seconds, live_readings
from operations.retention import days_kept
from schemas.wire.topics import Topics
from tests.support.blocks import run_by
from tests.support.plain_http import PLAIN
from tests.support.secured_kafka import user_of
from tests.support.secured_system import SecuredSystem
from tests.support.up import document
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.settings import Settings
    from tests.support.blocks import Block
    from tests.support.processes import Processes
    from tests.support.secured_kafka import SecuredKafka
    from tests.support.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

EXAMPLES = run_by("tests/system/secured/test_rights.py::test_the_commands_of_the_page_do_what_it_says")
LETTERS = "/v1/telemetry/dead-letters"


@pytest.fixture(scope="module")
def system(secured: SecuredKafka, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredSystem]:
    """A system whose users have their rights, set up by its own user; whoever takes a right gives it back."""
    made = SecuredSystem(secured, stack.clickhouse, tmp_path_factory.mktemp("system"))
    try:
        made.prepare()
        yield made
    finally:
        made.remove_databases()


def test_every_part_does_its_work_with_its_own_rights(system: SecuredSystem, processes: Processes) -> None:
    """A webhook gets to its rows, rules and the directory change, a dead letter is resolved; nobody is denied."""
    before = len(system.denied())
    as_operator = ("token", "create", "--academy", 4)
    names = ("crud_telemetry", "crud_asset", "operate_telemetry", "crud_directory")
    capabilities = [word for name in names for word in ("--capability", name)]
    key, staff = (
        system.run(Part.OPERATOR, *as_operator, *whose).out.strip()
        for whose in (("--ingest",), ("--user", 9, *capabilities))
    )
    # Before the worker begins, which knows then what it judges by.
    asyncio.run(asset_and_rubbish(system))
    parts = {part: system.start(part, processes) for part in (Part.GATEWAY, Part.WORKER, Part.SINK, Part.MONITOR)}
    parts[Part.MONITOR].says("monitor is ready", 120)
    for part in (Part.GATEWAY, Part.WORKER, Part.SINK):
        eventually(system.ready(part).exists, 120, parts[part].output)

    with httpx.Client(base_url=system.url, verify=PLAIN, headers={"Academy": "4"}, timeout=60) as client:
        client.headers["Authorization"] = f"Token {key}"
        assert client.post("/v1/assignment/me/telemetry", json=document(40)).text == "ok"
        published = {"event": "package_published", "asset_id": 7, "slug": "loops", "package_id": 70}
        assert client.post("/v1/assignment/me/telemetry", json=published).text == "ok"
        eventually(lambda: system.rows("SELECT count() FROM webhooks WHERE status = 'DONE'") == [(2,)])
        client.headers["Authorization"] = f"Token {staff}"
        rules = "/v1/assignment/academy/learnpack/telemetry-webhook-ignore"
        eventually(lambda: client.put(rules, json={"user_ids": [41]}).status_code == 200)
        action = "/v1/registry/academy/asset/loops/action/sync_telemetry_stats"
        eventually(lambda: client.put(action).json().get("learnpack_id") == 70)
        member = {"academies": [4]}
        user, everywhere = "/v1/telemetry/directory/users/40", {"Academy": ""}
        eventually(lambda: client.put(user, json=member, headers=everywhere).status_code == 204)
        ids = [one["id"] for one in eventually(lambda: client.get(LETTERS).json()["results"])]
        retry = {"ids": ids, "preview": False}
        # On a busy machine the broker may be late; asked once more, it is done or has been.
        eventually(lambda: client.post(f"{LETTERS}/retry", json=retry).status_code == 200)
        eventually(lambda: system.rows("SELECT count() FROM dead_letters FINAL WHERE resolution = 'retried'") == [(1,)])
    for part in (Part.GATEWAY, Part.MONITOR):
        asyncio.run(look_at_what_waits(system.settings(part)))
    assert {part: system.findings(part) for part in Part} == {part: [] for part in Part}
    assert system.denied()[before:] == []
    assert {part: child.terminate(60) for part, child in parts.items()} == dict.fromkeys(parts, 0)


async def look_at_what_waits(settings: Settings) -> None:
    """Ask all that figures of lag are made of, as gateways and the monitor do, with more patience than they have."""
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        looked = live_readings(settings)
        assert await kept_seconds(admin, sorted({reading.topic for reading in looked}))
        for reading in looked:
            assert await members(admin, reading.group)
            positions = await committed_before(admin, reading.group, reading.sources(settings.partitions))
            async with Waiting(settings.kafka_options(), 60) as waiting:
                assert await waiting.queues(positions)


async def asset_and_rubbish(system: SecuredSystem) -> None:
    """The LMS tells of an asset, and an operator writes into the raw topic what nobody can read."""
    lms, operator = system.settings(Part.LMS), system.settings(Part.OPERATOR)
    asset = orjson.dumps({"id": 7, "slug": "loops", "title": "Loops"})
    await publish_reference(lms, Topics.of(lms).assets, [(b"7", asset)])
    async with clients.opened(clients.producer(operator.kafka_options())) as producer:
        await producer.send_and_wait(Topics.of(operator).raw, b"{not JSON", partition=0)


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda block: block.text.strip())
def test_the_commands_of_the_page_do_what_it_says(system: SecuredSystem, block: Block) -> None:
    """An administrator's gives all rights, and a worker's finds that none is missing."""
    outcome = system.run(Part.WORKER if "doctor" in block.text else None, *shlex.split(block.text)[1:])

    assert outcome.code == 0, outcome.out + outcome.err
    assert f"all {len(rights(system, Part.WORKER))} that the worker needs" in outcome.out or all(
        user_of(part) in outcome.out for part in Part
    )


def rights(system: SecuredSystem, part: Part) -> dict[Acl, str]:
    """The rights of a part, each with what the doctor is to say without it."""
    return {
        right: f"the {part}'s user may not {' and '.join(right.operations)} {right}, {right.reason}"
        for right in acls_of(part, system.settings())
    }


@pytest.mark.parametrize("resource", ["topic", "group", "transactional-id"])
def test_the_doctor_names_the_right_that_is_missing(system: SecuredSystem, resource: str) -> None:
    """Of a worker's first of a kind: that one and no other; the broker has refused something indeed."""
    right, detail = next(one for one in rights(system, Part.WORKER).items() if one[0].resource == resource)
    before = len(system.denied())

    with system.without(Part.WORKER, right):
        assert system.findings(Part.WORKER) == [detail]
    # The broker writes down whom it refused a moment after it has refused.
    eventually(lambda: {user for user, *_ in system.denied()[before:]} == {user_of(Part.WORKER)}, 30, "who was refused")


@pytest.mark.long
@pytest.mark.parametrize("part", Part)
def test_the_doctor_names_each_right_that_is_missing(system: SecuredSystem, part: Part) -> None:
    """Of every part, one after another: that one and no other."""
    said = {}
    for right in rights(system, part):
        with system.without(part, right):
            said[right] = system.findings(part)

    assert said == {right: [detail] for right, detail in rights(system, part).items()}


@pytest.mark.parametrize(("part", "resource"), [(Part.SINK, "group"), (Part.WORKER, "transactional-id")])
def test_a_part_that_lacks_a_right_says_who_knows_which(
    system: SecuredSystem, processes: Processes, part: Part, resource: str
) -> None:
    """It ends with a line that names the doctor."""
    right = next(right for right in rights(system, part) if right.resource == resource)

    with system.without(part, right):
        child = system.start(part, processes)
        child.says(f"learnpack-telemetry doctor --part {part}", 120)
        assert child.process.wait(60) != 0


@pytest.mark.long
def test_a_worker_ends_a_change_of_generations_for_a_sink_too(system: SecuredSystem, processes: Processes) -> None:
    """A sink, whose user may not, waits for it."""

    async def die_while_paused() -> None:
        async with JournalWriter(system.settings(Part.OPERATOR)) as writer:
            await writer.write(writer.journal.begun("current", None, "2026-01-01T00:00:00Z"))
            await writer.write(writer.journal.paused())

    asyncio.run(die_while_paused())
    system.start(Part.SINK, processes).says("generations change: waiting", 120)
    system.start(Part.WORKER, processes)

    eventually(lambda: system.ready(Part.WORKER).exists() and system.ready(Part.SINK).exists(), 120, "both parts")


def test_whoever_may_not_know_how_long_a_topic_keeps_is_told_of_no_days(system: SecuredSystem) -> None:
    """As a worker's user; the operator's knows."""

    async def told(part: Part) -> dict[str, int | None]:
        current = system.settings(part)
        async with clients.opened(clients.admin(current.kafka_options())) as admin:
            return await days_kept(admin, [Topics.of(current).raw])

    assert asyncio.run(told(Part.WORKER)) == {}
    assert asyncio.run(told(Part.OPERATOR)) == {Topics.of(system.settings()).raw: 365}
