"""What must hold of notebooks' events, whatever comes in which order."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.wire.rows import EVENTS, SCORES, WEBHOOKS
from streams.core.errors import Undecodable
from streams.core.policy import Policy
from tests.support.core import MORNING, Core, live_rows
from tests.support.examples import examples
from tests.support.notebooks import Notebook, facts, send, session
from tests.support.strategies import ANY_JSON


def last_scores(core: Core) -> dict[str, Any]:
    """The last scores of each (student, notebook), without when they were computed."""
    rows = live_rows(core.scores, ("asset_slug", "actor"))
    return {
        str(key): {name: row[name] for name in row if name not in ("version", "updated_at")}
        for key, row in rows.items()
    }


@given(data=st.data())
@settings(max_examples=examples(40), deadline=None)
def test_any_order_grouping_and_repetition_gives_the_same_facts_and_scores(data: st.DataObject) -> None:
    """However the events of two students are grouped, ordered and repeated, facts and scores are the same."""
    first, second = session(), Notebook("JANE-DOE", now=MORNING + 500)
    second.test("ex_1", ok=True)
    second.cell("ex_1")
    expected = Core()
    send(expected, *first.events)
    send(expected, *second.events)

    core = Core()
    for notebook in data.draw(st.permutations([first, second])):
        repeated = data.draw(st.lists(st.sampled_from(notebook.events), max_size=6))
        events = data.draw(st.permutations([*notebook.events, *repeated]))
        while events:
            size = data.draw(st.integers(1, len(events)))
            send(core, *events[:size])
            events = events[size:]

    assert facts(core) == facts(expected)
    assert len(core.facts) == len(expected.facts)
    assert last_scores(core) == last_scores(expected)


@given(data=st.data(), strict=st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_nothing_in_a_request_makes_the_core_raise(data: st.DataObject, *, strict: bool) -> None:
    """Any JSON in any place ends with one outcome, and every row has its columns."""
    core = Core(policy=Policy(strict=strict, previews=data.draw(st.booleans())))
    core.refer("users", 7, {"id": 7, "academies": [1], "notebook_names": ["JOHN-DOE"]})
    core.refer("ignore-rules", 1, {"events": ["hint"], "package_slugs": ["x"]})
    events: list[Any] = session().events
    for event in events:
        for _ in range(data.draw(st.integers(0, 2))):
            holder = data.draw(st.sampled_from([event, event["properties"]]))
            if type(holder) is dict:
                name = data.draw(
                    st.sampled_from([*holder, "offset", "$distinct_id", "ms", "try", "error_type", "code"])
                )
                holder[name] = data.draw(ANY_JSON)
            if type(event.get("properties")) is not dict:
                break
    events.extend(data.draw(st.lists(ANY_JSON, max_size=3)))
    bodies: list[Any] = [{"batch": events, "sent_at": data.draw(ANY_JSON)}, *events, data.draw(ANY_JSON)]
    params = data.draw(st.none() | st.dictionaries(st.sampled_from(["_", "event"]), st.text(max_size=8), min_size=1))
    for body in bodies:
        decoded = len(core.outcomes)
        with contextlib.suppress(Undecodable):
            core.send(orjson.dumps(body), source="posthog", academy=1, params=params)
            assert len(core.outcomes) == decoded + 1

    assert all(set(row) <= set(EVENTS.names) for row in core.facts)
    assert all(set(row) <= set(WEBHOOKS.names) for row in core.outcomes)
    assert all(set(row) <= set(SCORES.names) for row in core.scores)
    assert all(row["occurred_at"][:2] in ("19", "20") and int(row["item_id"]) < 1 << 128 for row in core.facts)
