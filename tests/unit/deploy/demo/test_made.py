"""What the demo makes up is of the bundled documents, at other times and by other students."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest

from deploy.demo.documents import demo_documents
from deploy.demo.made import FIRST_MADE, TESTER, made_before, made_now, made_users, rules_over_time
from deploy.demo.moving import failing, instant, worked
from schemas.reference.rules import Rules, validate
from streams.core.overlaid import Overlaid
from tests.support.core import Core, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY: Final = 86_400_000
DOCUMENTS: Final = demo_documents()
# Right after midnight, at noon, and where a leap day is among the days before.
MOMENTS: Final = tuple(
    int(datetime(2028, month, day, hour, 1, tzinfo=UTC).timestamp() * 1000)
    for month, day, hour in ((3, 2, 0), (3, 2, 12), (1, 3, 23))
)


def batches(bodies: list[bytes]) -> list[dict[str, Any]]:
    """The documents among webhooks that can be read."""
    found = []
    for body in bodies:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            continue
        if "steps" in value:
            found.append(value)
    return found


def tries(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What was compiled, tested and asked in documents."""
    for document in documents:
        for step in document["steps"]:
            for name in ("compilations", "tests", "ai_interactions"):
                yield from step.get(name, ())


def what(item: dict[str, Any]) -> bytes:
    """An item without its times."""
    kept = {name: value for name, value in item.items() if not name.endswith("_at")}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize("now", MOMENTS)
def test_nothing_is_of_the_future_or_long_ago(now: int) -> None:
    """Webhooks come in order within ten days, each after what it tells; a day of each week before has some."""
    told = made_before(DOCUMENTS, now)
    students = [user["id"] for user in made_users()]

    assert [webhook.at for webhook in told] == sorted(webhook.at for webhook in told)
    assert all(now - 10 * _DAY < webhook.at < now for webhook in told)
    assert {(now - webhook.at) // _DAY for webhook in told} >= set(range(6))
    for webhook in told:
        for document in batches([webhook.body]):
            assert document["user_id"] == webhook.student
            assert all(instant(item["starting_at"]) < webhook.at for item in tries([document]))
            assert document["tutorial_started_at"] <= document["last_interaction_at"] < webhook.at
    assert {webhook.student for webhook in told} < set(students)
    assert min(students) == FIRST_MADE


def test_every_run_makes_the_same() -> None:
    """And at another time the same work."""
    first, again, later = (made_before(DOCUMENTS, now) for now in (MOMENTS[0], MOMENTS[0], MOMENTS[1]))

    assert first == again
    assert len(first) == len(later)
    assert made_now(DOCUMENTS, MOMENTS[0]) == made_now(DOCUMENTS, MOMENTS[0])


def test_no_code_or_output_is_invented() -> None:
    """Every compilation, test and question is one of a real document, but for its times."""
    real = {what(item) for item in tries(batches(DOCUMENTS))}
    bodies = [webhook.body for webhook in made_before(DOCUMENTS, MOMENTS[0])]
    sent = made_now(DOCUMENTS, MOMENTS[0])
    streamed = [event["data"] for event in map(orjson.loads, sent) if event.get("event") in {"compile", "test"}]
    made = [*tries(batches([*bodies, *sent])), *streamed]

    assert len(made) > 1000
    assert {what(item) for item in made} <= real


def test_three_are_stuck_now() -> None:
    """With three or more failures in a row in a step that is not done, the last of them minutes ago."""
    now = MOMENTS[1]
    sent = made_now(DOCUMENTS, now)
    documents = batches(sent)
    for document in documents:
        events = [
            event
            for event in map(orjson.loads, sent)
            if event.get("event") in {"compile", "test"} and event["user_id"] == document["user_id"]
        ]
        (step,) = (one for one in document["steps"] if one["slug"] == events[0]["slug"])
        for event in events:
            step["tests" if event["event"] == "test" else "compilations"].append(event["data"])
        last = max(instant(item["starting_at"]) for item in tries([document]))

        assert len(failing(step)) >= 3
        assert "completed_at" not in step
        assert failing(step)[-1][1]["starting_at"] == last
        assert 60_000 <= now - last < 10 * 60_000
    assert len({document["slug"] for document in documents}) == len(documents) == 3


def test_what_is_streamed_counts_for_scores() -> None:
    """Of who is stuck the last tries lie over the batch, so that scores know of as many as there are facts."""
    now = MOMENTS[1]
    core = Core()
    for body in made_now(DOCUMENTS, now):
        core.send(body, at=now)
    for document in batches(made_now(DOCUMENTS, now)):
        student, slug = str(document["user_id"]), document["slug"]
        told = [row for row in core.facts if row["actor"] == student and row["event"] in {"compile", "test"}]
        state = state_of(core, student, slug)
        assert state.document is not None
        known = Overlaid(state.document, state.overlay).document

        assert len(state.overlay) == 2
        assert sum(len(step.compilations) + len(step.tests) for step in known.steps) == len(told)


def test_the_rule_ignores_the_tester_alone() -> None:
    """Of what comes now nobody else's, and nothing of before."""
    rules = [Rules.compile(validate(one)) for one in rules_over_time()]
    sent = [orjson.loads(body) for body in made_now(DOCUMENTS, MOMENTS[0])]
    ignored = [event for event in sent if rules[-1].match(event, lambda _: None)]

    assert {event["user_id"] for event in ignored} == {TESTER}
    assert len(ignored) == len({orjson.dumps(event) for event in ignored}) == 14
    assert rules[0].match({"event": "open_step", "user_id": 7}, lambda _: None)
    assert not any(rules[-1].match(document, lambda _: None) for document in batches(DOCUMENTS))


def test_pauses_are_no_work() -> None:
    """Who comes back after a night has worked five minutes more."""
    document = {
        "tutorial_started_at": 0,
        "steps": [{"opened_at": 60_000, "compilations": [{"starting_at": 8 * 3_600_000, "ended_at": "28801000"}]}],
    }

    assert worked(document).total == 60_000 + 300_000 + 1000
