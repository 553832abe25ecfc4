"""What is kept of a student has bounds, whatever a client sends."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.settings import Settings
from streams.core import bounds, chunk, known_starts, store, working_state
from streams.core.errors import TooMuchAtOnce
from streams.core.overlaid import Overlaid, find_step
from streams.core.state import Attempt, Document, Overlay, State, Step
from tests.support.core import Core
from tests.support.payloads import attempt, document, milliseconds, step

if TYPE_CHECKING:
    from streams.core.chunk import Record

_SMALL = 20


@pytest.fixture
def core() -> Core:
    """A core with an open directory."""
    return Core()


def compiled(start: float, *, step_slug: str = "01", **changes: Any) -> dict[str, Any]:
    """A streamed compilation that began so many seconds after the start."""
    data = {"started_at": milliseconds(start), "ended_at": milliseconds(start), "exit_code": 1}
    event = {"event": "compile", "user_id": 7, "telemetry_id": "t-1", "package_slug": "tutorial", "slug": step_slug}
    return {**event, "data": data, **changes}


def batch(*starts: float, **changes: Any) -> dict[str, Any]:
    """A document of one step with compilations that began then."""
    held = step("01", 0, compilations=[attempt(start, 1) for start in starts])
    return document(held, last=max(starts, default=0), user_id=7, **changes)


def test_a_document_of_too_many_items_is_refused_whole(core: Core) -> None:
    """Nothing of it is told or kept, and the student's next webhooks are taken as ever."""
    status, text = core.verdict(batch(*range(165_000)))

    assert (status, text) == ("ERROR", "There are more items than can be kept: 165000, and at most 5000 are")
    assert not core.facts
    assert not core.table
    assert core.verdict(compiled(1)) == ("DONE", "OK")
    assert max(map(len, core.table.values())) < 1_000


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ([step(str(place), 0) for place in range(bounds.STEPS + 1)], "steps"),
        ([step("01", tests=[{}] * 3_000), step("02", compilations=[{}] * 3_000)], "items"),
        ([step("01", ai_interactions=[{}] * 3_000, quiz_submissions=[{}] * 3_000)], "items"),
        ([step("01", testeable_elements=[{"type": "quiz", "hash": str(place)} for place in range(5_001)])], "items"),
        ([step("ñ" * 65, 0)], "a step's slug"),
    ],
)
def test_a_document_beyond_a_bound_is_an_error(core: Core, steps: list[dict[str, Any]], what: str) -> None:
    """The text names what there is too much of."""
    status, text = core.verdict(document(*steps, user_id=7))

    assert status == "ERROR"
    assert what in text
    assert not core.table


def test_a_document_at_the_bounds_is_stored(core: Core) -> None:
    """The bounds are far above what students do, and hold to the last item."""
    steps = [step(f"{place:0128}", place, compilations=[attempt(place, 1)] * 10) for place in range(bounds.STEPS)]

    assert core.verdict(document(*steps, user_id=7)) == ("DONE", "OK")


@pytest.mark.parametrize("name", ["user_id", "slug", "package_slug", "telemetry_id"])
@pytest.mark.parametrize("payload", [batch(1), compiled(1)], ids=["batch", "event"])
def test_names_too_long_to_be_kept_are_an_error(core: Core, name: str, payload: dict[str, Any]) -> None:
    """They would be in every key and every fact."""
    status, text = core.verdict({**payload, name: "é" * 128})

    assert (status, text) == ("ERROR", f"The text of {name} is too long: at most 255 bytes are kept")
    assert not core.table


@pytest.mark.parametrize("slug", ["s" * 129, ["s"] * 100])
def test_a_streamed_item_of_a_step_with_too_long_a_name_is_an_error(core: Core, slug: Any) -> None:
    """As in a document."""
    assert core.verdict({**compiled(1), "slug": slug})[0] == "ERROR"
    assert not core.table


def test_a_user_that_is_no_text_is_bounded_too(core: Core) -> None:
    """Any JSON value may stand where the user id does."""
    assert core.verdict({**batch(1), "user_id": ["x" * 300]})[0] == "DONE"
    assert all(len(key) < 100 for key in core.table)


def test_outcomes_hold_no_more_of_a_clients_texts_than_is_read(core: Core) -> None:
    """An event or a slug of megabytes is cut in the log, so that it fits into a message."""
    row = core.send({"event": "e" * 5_000_000, "slug": "s" * 5_000_000, "user_id": 7})

    assert row["status"] == "ERROR"
    assert len(orjson.dumps(row)) < 4_000


def test_streamed_items_that_no_document_holds_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one too many is refused with a text, nothing else is lost, and the next batch makes room."""
    monkeypatch.setattr(bounds, "STREAMED", _SMALL)
    for start in range(_SMALL):
        assert core.verdict(compiled(start)) == ("DONE", "OK")

    status, text = core.verdict(compiled(99))

    assert (status, text) == (
        "ERROR",
        "There are more streamed items since the last batch than can be kept: 21, and at most 20 are",
    )
    assert core.events().count(("compile", "01")) == _SMALL
    core.send(batch(*range(_SMALL)))
    assert core.verdict(compiled(99)) == ("DONE", "OK")
    assert core.score()["metrics"]["global"]["metrics"]["total_interactions"] == _SMALL + 1


def test_steps_that_only_streamed_items_name_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event may name any step, and each becomes one of the tutorial's."""
    monkeypatch.setattr(bounds, "STEPS", _SMALL)
    for place in range(_SMALL):
        core.send(compiled(place, step_slug=str(place)))

    assert core.verdict(compiled(99, step_slug="new"))[1].startswith("There are more steps than can be kept: 21")
    assert core.verdict(compiled(99, step_slug="0")) == ("DONE", "OK")


def test_names_that_a_tutorial_had_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name of a step of which something was told is remembered, whatever document is stored."""
    monkeypatch.setattr(bounds, "NAMES", _SMALL)
    for run in range(_SMALL):
        core.send(document(step(f"step {run}", 0), last=run, user_id=7))

    assert core.verdict(document(step("one more", 0), last=99, user_id=7))[1].startswith(
        "There are more names of steps"
    )
    assert core.verdict(document(step("step 3", 0), last=99, user_id=7)) == ("DONE", "OK")
    assert core.verdict(compiled(100, step_slug="another"))[1].startswith("There are more names of steps")


def test_what_batches_without_steps_lay_over_a_document_is_bounded(core: Core) -> None:
    """Each may bring other figures, and all of them lie over the document."""
    core.send(batch(1))
    other = {"user_id": 7, "slug": "tutorial", "telemetry_id": "t-1"}
    figures = {"steps": list(range(bounds.ROOT // 2))}
    assert core.verdict({**other, "global_metrics": {"total_steps": 1}}) == ("DONE", "OK")

    assert core.verdict({**other, "global_indicators": figures})[1].startswith("There are more bytes beside the steps")
    assert core.score()["overlay"]["root"]["global_metrics"] == {"total_steps": 1}


def test_tutorials_of_one_student_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an open directory every slug is a tutorial; those that are there go on, and other students are not touched."""
    monkeypatch.setattr(store, "TUTORIALS", 3)
    for place in range(3):
        core.send(batch(1, slug=f"tutorial {place}"))
    notebook = {"event": "cell", "distinct_id": "7", "properties": {"nb": "n"}}

    assert core.verdict(batch(1, slug="another"))[1].startswith("There are more tutorials of this student")
    assert core.verdict(compiled(1, package_slug="another"))[1].startswith("There are more tutorials of this student")
    assert core.verdict(notebook, source="posthog")[0] == "ERROR"
    assert core.verdict(batch(1, 2, slug="tutorial 0")) == ("DONE", "OK")
    assert core.verdict({**batch(1, slug="another"), "user_id": 8}) == ("DONE", "OK")


def test_runs_of_one_student_are_bounded(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each telemetry id is remembered with its tutorial, or with the items that wait for one."""
    monkeypatch.setattr(store, "RUNS", 3)
    core.send(batch(1))
    for run in range(2):
        core.send({"event": "compile", "user_id": 7, "telemetry_id": f"r{run}", "slug": "01", "data": {}})
    waiting = {"event": "compile", "user_id": 7, "telemetry_id": "new", "slug": "01", "data": {}}

    assert core.verdict(batch(1, telemetry_id="new"))[1].startswith("There are more telemetry ids of this student")
    assert core.verdict(waiting)[1].startswith("There are more telemetry ids of this student")
    assert core.verdict(batch(1, 2)) == ("DONE", "OK")
    core.send({"command": "student.forget", "user_id": "7", "asset_slugs": [], "telemetry_ids": []}, source="staff")
    assert core.verdict(batch(1, telemetry_id="new")) == ("DONE", "OK")


def test_events_of_one_request_are_bounded(core: Core) -> None:
    """Each would be a fact, and all of them one transaction."""
    event = {"event": "cell", "distinct_id": "7", "properties": {"nb": "n"}}

    status, text = core.verdict({"batch": [event] * 10_001}, source="posthog")

    assert (status, text) == (
        "ERROR",
        "There are more events in a request than can be kept: 10001, and at most 10000 are",
    )
    assert not core.facts


@pytest.fixture
def few_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few starts of told items are kept that a test passes the bound."""
    monkeypatch.setattr(known_starts, "KNOWN_STARTS", _SMALL)
    monkeypatch.setattr(working_state, "KNOWN_STARTS", _SMALL)


@pytest.mark.usefixtures("few_told")
def test_what_has_been_let_go_is_not_told_again(core: Core) -> None:
    """A document that repeats everything since the tutorial began tells each item once, though few are remembered."""
    for last in range(1, 100):
        core.send(batch(*range(last)))
    core.send(batch(*range(99), telemetry_id="another"))

    compilations = [row["item_id"] for row in core.facts if row["event"] == "compile"]
    assert len(compilations) == len(set(compilations)) == 99
    assert core.score()["metrics"]["global"]["metrics"]["total_interactions"] == 99


_webhooks = st.lists(
    st.one_of(
        st.builds(lambda starts: ("batch", sorted(starts)), st.lists(st.integers(0, 200), max_size=30, unique=True)),
        st.builds(lambda start: ("event", [start]), st.integers(0, 200)),
    ),
    max_size=30,
)


@given(_webhooks)
def test_nothing_is_ever_told_twice(webhooks: list[tuple[str, list[int]]]) -> None:
    """Whatever comes in whatever order: no item's fact is told a second time, and few starts are kept."""
    core = Core()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_starts, "KNOWN_STARTS", _SMALL)
        patch.setattr(working_state, "KNOWN_STARTS", _SMALL)
        for kind, starts in webhooks:
            core.send(batch(*starts) if kind == "batch" else compiled(starts[0]))

    told = [row["item_id"] for row in core.facts if row["event"] == "compile"]
    assert len(told) == len(set(told))
    if webhooks:
        assert all(len(seen.compilations) <= _SMALL for seen in _state(core, "7", "tutorial").seen.values())


@given(st.permutations(range(12)), st.integers(1, 12))
def test_within_the_bound_nothing_depends_on_it(starts: list[int], size: int) -> None:
    """As many items as are kept, in any order and in chunks of any size, are told as without a bound."""
    core = Core()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_starts, "KNOWN_STARTS", 12)
        patch.setattr(working_state, "KNOWN_STARTS", 12)
        core.run([core.record(compiled(start)) for start in (*starts, *starts)], size)

    assert core.events().count(("compile", "01")) == 12


def test_late_items_hold_nobody_up(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them has all others laid anew, so a chunk of them is processed in pieces, with the same result."""
    monkeypatch.setattr(chunk, "_MOST_LAID", _SMALL)
    records = [core.record(compiled(100 - at, event="test")) for at in range(30)]
    at_once = Core()

    def run(records: list[Record]) -> int:
        try:
            core.run(records)
        except TooMuchAtOnce:
            return run(records[: len(records) // 2]) + run(records[len(records) // 2 :])
        return 1

    pieces = run(records)
    with monkeypatch.context() as patch:
        patch.setattr(chunk, "_MOST_LAID", 1 << 60)
        at_once.run(records)

    assert pieces > 3
    assert (core.table, core.facts) == (at_once.table, at_once.facts)


@given(
    st.lists(st.tuples(st.integers(-1, 4), st.sampled_from(["a", "b", "", None, 1.0, True])), max_size=6),
    st.lists(st.tuples(st.none() | st.integers(0, 5), st.sampled_from(["a", "b", "c", ""])), max_size=12),
)
def test_a_view_finds_the_step_that_looking_through_all_finds(
    steps: list[tuple[int, Any]], places: list[tuple[int | None, str]]
) -> None:
    """Also of the steps that items themselves have brought."""
    view = Overlaid(Document("", None, None, 0, [Step(slug, position) for position, slug in steps]), [])
    for at, (position, slug) in enumerate(places):
        item = Overlay("compile", slug, position, at, at, at, Attempt(at, at, 0))

        index = view.find(item)

        assert index == find_step(view.document.steps, position, slug)
        view.apply(item, index)


def _state(core: Core, actor: str, slug: str) -> State:
    return msgspec.msgpack.decode(core.table[store.state_key(actor, slug)], type=State)


def _notebook() -> dict[str, Any]:
    long = "{:😀>128}".format

    def event(name: str, at: int, **properties: Any) -> dict[str, Any]:
        properties |= {"nb": "tutorial", "sess": long(at)}
        return {"event": name, "distinct_id": "7", "uuid": f"{name} {at}", "properties": properties}

    tests = [event("test", at, ex=long(at % 1_000), ok=False) for at in range(5_000)]
    return {"batch": [*tests, *(event("cell", at, cell_id=long(at)) for at in range(1_000))]}


def _fill(core: Core) -> None:
    """Bring one state to all of its bounds, with the longest texts there can be."""
    names = (f"{number:\x01>128}" for number in count())
    starts = count(1)

    def quiz() -> dict[str, Any]:
        start = milliseconds(next(starts))
        return {"started_at": start, "ended_at": start, "quiz_hash": "\x02" * 64}

    core.send(_notebook(), source="posthog")
    own = [next(names) for _ in range(bounds.STEPS)]
    event = {"event": "quiz_submission", "user_id": 7, "telemetry_id": "t-1", "package_slug": "tutorial"}
    core.run([core.record({**event, "slug": own[at % 500], "data": quiz()}) for at in range(bounds.STREAMED)])
    for run in range(3):
        each = [quiz() for _ in range(10)]
        steps = [step(next(names), 0, 1, quiz_submissions=each, position=1 << 31) for _ in range(bounds.STEPS)]
        core.send(document(*steps, last=0, user_id=7, telemetry_id=f"{run:x>255}"))
    core.send({"user_id": 7, "slug": "tutorial", "telemetry_id": "x" * 255, "note": "\x03" * (bounds.ROOT - 400)})
    command = {"command": "telemetry.upsert", "user_id": "7", "asset_slug": "tutorial"}
    core.send({**command, "fields": {"metrics": {"m": "m" * (255 << 10)}, "telemetry": None}}, source="staff")


def test_the_largest_state_and_its_scores_fit_into_a_message() -> None:
    """At all bounds at once, with texts that grow sixfold in JSON, both stay well below what a topic takes."""
    core = Core()
    _fill(core)

    state = _state(core, "7", "tutorial")
    limit = Settings(_env_file=None).max_message_bytes
    assert [row["status_text"] for row in core.outcomes if row["status"] == "ERROR"] == []
    assert (len(state.overlay), len(state.seen)) == (bounds.STREAMED, bounds.NAMES)
    assert max(map(len, core.table.values())) < bounds.LARGEST < limit * 0.9
    assert max(len(orjson.dumps(score)) for score in core.scores) < limit / 2
