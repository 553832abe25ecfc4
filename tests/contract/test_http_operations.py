"""What operators see and mend over HTTP: the whole system, and what could not be processed."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiokafka import AIOKafkaProducer

from schemas.wire.topics import Topics
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

LETTERS: Final = "/v1/telemetry/dead-letters"
OPERATIONS: Final = "/v1/telemetry/operations"
OVERVIEW: Final = "/v1/telemetry/academy/overview"


@pytest.fixture
def staff(system: HttpSystem) -> Iterator[httpx.Client]:
    """An operator; no academy has to be named."""
    with system.client(academy=None) as client:
        yield client


async def _send(system: HttpSystem, *values: bytes) -> list[int]:
    """Send records to the raw topic past the gateway; their offsets."""
    producer = AIOKafkaProducer(bootstrap_servers=system.settings.kafka)
    await producer.start()
    try:
        topic = Topics.of(system.settings).raw
        return [(await producer.send_and_wait(topic, value, partition=0)).offset for value in values]
    finally:
        await producer.stop()


@pytest.fixture
def letters(system: HttpSystem, staff: httpx.Client) -> list[dict[str, Any]]:
    """Two new dead letters, the newest first."""
    sent = asyncio.run(_send(system, *(f"{{not JSON {uuid.uuid4().hex}".encode() for _ in range(2))))

    def found() -> list[dict[str, Any]]:
        rows = staff.get(LETTERS, params={"limit": 1000}).json()["results"]
        new = [row for row in rows if row["partition"] == 0 and row["offset"] in sent]
        return new if len(new) == len(sent) else []

    return eventually(found, 60, "the dead letters")


def test_dead_letters_are_listed_grouped_and_shown(
    system: HttpSystem, staff: httpx.Client, letters: list[dict[str, Any]]
) -> None:
    """With what the table has of them, and each with its record."""
    whole = staff.get(f"{LETTERS}/{letters[0]['id']}").json()

    def agrees() -> bool:
        # Others may come between the two questions.
        page = staff.get(LETTERS, params={"stage": letters[0]["stage"]}).json()
        groups = system.query(
            "SELECT topic, stage, reason, count() FROM dead_letters WHERE resolution = '' AND stage = {stage:String}"
            " GROUP BY ALL",
            stage=letters[0]["stage"],
        )
        told = [(one["topic"], one["stage"], one["why"], one["letters"]) for one in page["groups"]]
        return sorted(told) == sorted(map(tuple, groups)) and page["count"] == sum(one[3] for one in told)

    eventually(agrees, 60, "groups as the table has them")
    assert {row["topic"] for row in letters} == {Topics.of(system.settings).raw}
    assert whole["value"].startswith("{not JSON ")
    assert (whole["size"], whole["truncated"]) == (len(whole["value"]), False)
    assert {name: whole[name] for name in letters[0]} == letters[0]


def test_nothing_is_sent_again_without_being_asked_twice(staff: httpx.Client, letters: list[dict[str, Any]]) -> None:
    """A preview counts; then the chosen one is retried, fails again as another letter, and the other one waits."""
    newest, other = letters
    preview = staff.post(f"{LETTERS}/retry", json={"ids": [newest["id"]]}).json()
    assert (preview["preview"], preview["count"]) == (True, 1)
    assert preview["results"] == [newest]

    done = staff.post(f"{LETTERS}/retry", json={"ids": [newest["id"]], "preview": False}).json()
    assert done == {"preview": False, "count": 1, "left": {}, "results": []}

    def waiting() -> set[int]:
        return {row["id"] for row in staff.get(LETTERS, params={"limit": 1000}).json()["results"]}

    eventually(lambda: newest["id"] not in waiting(), 60, "the mark")
    assert other["id"] in waiting()
    retried = staff.get(LETTERS, params={"state": "retried", "limit": 1000}).json()["results"]
    assert newest["id"] in {row["id"] for row in retried}


def test_a_webhook_is_changed_and_sent_again(
    system: HttpSystem, staff: httpx.Client, letters: list[dict[str, Any]]
) -> None:
    """The patch is shown first; then the webhook is processed as changed, under its id, and becomes what was said."""
    letter = letters[0]
    address = f"{LETTERS}/{letter['id']}"
    step = uuid.uuid4().hex
    webhook = {"event": "open_step", "slug": step, "user_id": 123}
    patch = [
        {"op": "replace", "path": "", "value": {**webhook, "slug": "x"}},
        {"op": "replace", "path": "/slug", "value": step},
    ]

    preview = staff.patch(address, json=patch).json()
    would_be = preview.pop("outcome")
    assert preview == {"preview": True, "count": 1, "value": webhook}
    assert staff.patch(address, json=[{"op": "remove", "path": "/slug"}]).json()["slug"] == "invalid-patch"
    done = staff.patch(address, params={"preview": "false"}, json=patch).json()
    assert done == {"preview": False, "count": 1, "value": webhook, "outcome": None}
    late = staff.patch(address, params={"preview": "false"}, json=patch)
    assert (late.status_code, late.json()["slug"]) == (409, "letter-left")
    assert "it does not wait" in late.json()["detail"]

    def processed() -> dict[str, Any]:
        rows = system.query(
            "SELECT status, verdict, status_text, package_slug FROM webhooks WHERE id = {id:UInt64}",
            id=letter["partition"] << 40 | letter["offset"],
        )
        found = [dict(zip(would_be, row[:3], strict=True)) for row in rows if row[3] == step]
        return found[0] if found else {}

    assert eventually(processed, 60, "the changed webhook's outcome") == would_be


@pytest.mark.parametrize(
    ("webhook", "verdict", "text"),
    [
        ({"event": "nothing", "slug": "s", "user_id": 123}, "error", "not implemented"),
        ({"event": "open_step", "user_id": 123}, "error", "slug"),
        ({}, "dead", "nothing in body"),
        ([], "dead", "not a JSON object"),
    ],
)
def test_what_the_worker_would_say_is_told_before_anything_is_sent(
    staff: httpx.Client, letters: list[dict[str, Any]], webhook: Any, verdict: str, text: str
) -> None:
    """Refused, or dead once more, with the reason, by the worker's own code; nothing comes of it."""
    address = f"{LETTERS}/{letters[0]['id']}"
    told = staff.patch(address, json=[{"op": "replace", "path": "", "value": webhook}]).json()

    assert (told["preview"], told["outcome"]["verdict"]) == (True, verdict)
    assert text in told["outcome"]["status_text"]
    assert staff.get(address).json()["resolution"] == ""


def test_who_names_letters_is_told_of_each(staff: httpx.Client, letters: list[dict[str, Any]]) -> None:
    """Of those that are none, or were resolved before, why they were left; nothing is done twice."""
    waits, given_up = (letter["id"] for letter in letters)
    assert staff.delete(f"{LETTERS}/{given_up}").status_code == 204
    again = staff.delete(f"{LETTERS}/{given_up}")
    done = staff.post(f"{LETTERS}/retry", json={"ids": [waits, given_up, 999_999_999], "preview": False}).json()
    once_more = staff.post(f"{LETTERS}/retry", json={"ids": [waits], "preview": False}).json()

    assert (again.status_code, again.json()["slug"]) == (409, "letter-left")
    assert (done["count"], done["left"].keys()) == (1, {str(given_up), "999999999"})
    assert all("does not wait" in reason for reason in done["left"].values())
    assert (once_more["count"], once_more["left"].keys()) == (0, {str(waits)})


def test_what_is_dropped_is_marked(staff: httpx.Client, letters: list[dict[str, Any]]) -> None:
    """It waits no more, and is still there."""
    address = f"{LETTERS}/{letters[0]['id']}"

    assert staff.delete(address).status_code == 204
    eventually(lambda: staff.get(address).json()["resolution"] == "dropped", 60, "the mark")


def test_the_whole_system_is_told(system: HttpSystem, staff: httpx.Client) -> None:
    """Every part works, and generation 1 is live."""
    told = eventually(lambda: _healthy(staff.get(OPERATIONS).json()), 60, "a healthy system")

    assert told["generations"]["live"] == 1
    assert {row["topic"] for row in told["lag"]} >= {Topics.of(system.settings).raw, Topics.of(system.settings).facts}
    assert told["rows"]["raw"] > 0
    assert {row["topic"]: row["kept_seconds"] for row in told["lag"]}[Topics.of(system.settings).telemetry] is None
    assert all(row["kept_seconds"] == 365 * 86_400 for row in told["lag"] if row["topic"].endswith((".raw", ".facts")))
    assert told["disk"]["free_bytes"] < told["disk"]["total_bytes"]
    assert told["table_bytes"] > 0
    assert told["processes"] == []
    assert told["spool"] == {"direct": True, "records": 0, "bytes": 0, "damaged_segments": 0, "oldest_seconds": None}


def test_the_lag_of_the_last_hours_is_told(staff: httpx.Client) -> None:
    """The gateway has measured by itself, and each step has a figure or says that nobody did."""

    def measured() -> dict[str, Any]:
        history: dict[str, Any] = staff.get(OPERATIONS).json()["lag_history"]
        return history if any(history["measured"]) else {}

    history = eventually(measured, 60, "a measurement")

    assert len(history["moments"]) == len(history["measured"]) == 72
    assert not all(history["measured"])
    for row in history["partitions"]:
        assert row["most_seconds"] == max(seconds or 0 for seconds in row["seconds"])
        assert [one is not None for one in row["seconds"]] == history["measured"]


def test_the_overview_tells_operators_of_the_system(system: HttpSystem, staff: httpx.Client) -> None:
    """Who may see the whole system sees there, too, whether it works; others do not."""
    with system.client() as operator, system.client("reader") as reader:
        told = eventually(lambda: operator.get(OVERVIEW).json()["system"], 60, "what is known of the system")
        assert reader.get(OVERVIEW).json()["system"] is None

    assert told["parts"].keys() == staff.get(OPERATIONS).json()["parts"].keys()
    assert told["lag"]


def _healthy(told: dict[str, Any]) -> dict[str, Any]:
    return told if told.get("healthy") and told["rows"].get("raw") and told["spool"]["direct"] else {}


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ([], "invalid-body"),
        ({"id": 1}, "invalid-selection"),
        ({"ids": ["1"]}, "invalid-selection"),
        ({"ids": [-1]}, "invalid-selection"),
        ({"reason": 1}, "invalid-selection"),
        ({"preview": "no"}, "invalid-selection"),
    ],
)
def test_a_selection_that_cannot_be_read_is_refused(staff: httpx.Client, body: Any, slug: str) -> None:
    """Whatever is misspelt must not mean everything."""
    assert staff.post(f"{LETTERS}/retry", json=body).json()["slug"] == slug


def test_what_is_not_there(staff: httpx.Client) -> None:
    """A letter that is none, and a state that nothing is in."""
    assert staff.get(f"{LETTERS}/999999999").json()["slug"] == "letter-not-found"
    assert staff.delete(f"{LETTERS}/x").json()["slug"] == "letter-not-found"
    assert staff.get(LETTERS, params={"state": "lost"}).json()["slug"] == "invalid-state"


@pytest.mark.parametrize(("who", "status"), [("reader", 403), ("student", 403), ("expired", 401), (None, 401)])
def test_who_is_no_operator_sees_nothing(system: HttpSystem, who: str | None, status: int) -> None:
    """Without `operate_telemetry` nothing is shown, and nothing is done."""
    with system.client(who) as client:
        answers = [
            client.get(OPERATIONS),
            client.get(LETTERS),
            client.get(f"{LETTERS}/1"),
            client.delete(f"{LETTERS}/1"),
            client.patch(f"{LETTERS}/1", json=[]),
            client.post(f"{LETTERS}/retry", json={"preview": False}),
        ]

    assert {answer.status_code for answer in answers} == {status}
