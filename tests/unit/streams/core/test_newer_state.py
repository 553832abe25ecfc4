"""A state that a newer release wrote."""

from __future__ import annotations

import msgspec
import pytest

from streams.core.errors import NewerState
from streams.core.state import SCHEMA, State
from streams.core.store import Store, state_key
from streams.processing import Core, process
from tests.unit.streams.records import record

KEY = state_key("7", "lists")
NEWER = {
    "with fields more": [
        *msgspec.msgpack.decode(msgspec.msgpack.encode(State(SCHEMA + 1, 5, 5, 0, None))),
        "what this release does not know",
    ],
    "of another shape": [SCHEMA + 1, "id", {"version": 5}],
}


@pytest.mark.parametrize("value", NEWER.values(), ids=NEWER)
def test_a_newer_state_is_not_decoded(value: list[object]) -> None:
    """What it has more would be dropped when it is written anew."""
    with pytest.raises(NewerState, match=r"a state of the changelog: written in format 2"):
        Store({KEY: msgspec.msgpack.encode(value)}.get).find("7", "lists")


def test_a_damaged_state_is_not_taken_for_a_newer_one() -> None:
    """It is a failure like others, of the webhook that needs it."""
    with pytest.raises(msgspec.ValidationError):
        Store({KEY: msgspec.msgpack.encode([SCHEMA, "id"])}.get).find("7", "lists")


def test_a_newer_state_makes_no_dead_letter() -> None:
    """The webhook is not to blame: the worker has to end, and the next one goes on with it."""

    class Reads:
        """A processor that needs the state for every record."""

        def __init__(self, load: object) -> None:
            self._store = Store(load)  # type: ignore[arg-type]

        def apply(self, _record: object) -> None:
            """Look the state up."""
            self._store.find("7", "lists")

    core = Core(Reads, lambda _record, _reason: b"")  # type: ignore[arg-type]
    with pytest.raises(NewerState):
        process(core, {KEY: msgspec.msgpack.encode(NEWER["of another shape"])}.get, [record(0), record(1)])
