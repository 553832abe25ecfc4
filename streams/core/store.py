"""The tables of one partition as one chunk sees them: a value is decoded when first asked for, encoded at the end.

Keys of the one state table: `s` state of (actor, asset), `t` run of (student, telemetry_id), `u` student, `c` what
was told of an actor's completions beside the states (streams.core.completions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec

from schemas import vocabulary as texts
from streams.core.effects import Change
from streams.core.errors import NewerState, Refused
from streams.core.state import SCHEMA, Run, State, Student
from streams.core.working_state import Work, WorkingState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "RUNS",
    "TUTORIALS",
    "Load",
    "Store",
    "is_told",
    "owner_of",
    "pair_of",
    "state_key",
    "told_key",
    "told_tasks",
]

T = TypeVar("T")

# Of one student: states, and telemetry ids that are known. A student has dozens of tutorials, and a run or two of each.
TUTORIALS: Final = 1_000
RUNS: Final = 4_000

_STATE: Final = "a state of the changelog"


class _Head(msgspec.Struct, array_like=True, gc=False):
    """What every state begins with, whatever follows."""

    schema: int


_encode: Final = msgspec.msgpack.Encoder().encode
_decode_head: Final = msgspec.msgpack.Decoder(_Head).decode
_decode_state: Final = msgspec.msgpack.Decoder(State).decode
_decode_run: Final = msgspec.msgpack.Decoder(Run).decode
_decode_student: Final = msgspec.msgpack.Decoder(Student).decode
_decode_told: Final = msgspec.msgpack.Decoder(dict[str, list[int]]).decode


class Load(Protocol):
    """Reads a value of the partition's state table; None where there is none."""

    def __call__(self, key: bytes, /) -> bytes | None:
        """The value of a key."""


def _key(kind: bytes, first: bytes, second: str) -> bytes:
    # The length keeps ("a", "bc") and ("ab", "c") apart.
    return b"%b%d:%b%b" % (kind, len(first), first, second.encode("utf-8", "surrogatepass"))


def state_key(actor: str, asset_slug: str) -> bytes:
    """The state table's key of one (student, tutorial)."""
    return _key(b"s", actor.encode("utf-8", "surrogatepass"), asset_slug)


def told_key(actor: str) -> bytes:
    """The state table's key of what was told of an actor's completions; its value is `told_tasks`."""
    return b"c" + actor.encode("utf-8", "surrogatepass")


def is_told(key: bytes) -> bool:
    """Whether a key of the state table is one of `told_key`."""
    return key[:1] == b"c"


def told_tasks(value: bytes) -> dict[str, list[int]]:
    """The tasks that were told with the completion of a tutorial, by its slug."""
    return _decode_told(value)


def owner_of(key: bytes) -> bytes:
    """The actor or student that a key of the state table belongs to."""
    if key[:1] in {b"u", b"c"}:
        return key[1:]
    length, _, rest = key[1:].partition(b":")
    return rest[: int(length)]


def pair_of(key: bytes) -> tuple[str, str]:
    """The actor and the tutorial of a state's key."""
    actor = owner_of(key)
    slug = key[1:].partition(b":")[2][len(actor) :]
    return actor.decode("utf-8", "surrogatepass"), slug.decode("utf-8", "surrogatepass")


def _state(value: bytes) -> State:
    """A state as it is stored; raises NewerState for a newer release's."""
    try:
        state = _decode_state(value)
        found = state.schema
    except msgspec.MsgspecError:
        found = _decode_head(value).schema
        if found <= SCHEMA:
            raise
    if found > SCHEMA:
        # Even where it can be read, fields that are not known here would be gone once it is written.
        raise NewerState(_STATE, found, SCHEMA)
    return state


class Store:
    """What a chunk reads and changes, and the work that it asks for."""

    __slots__ = (
        "_changed_runs",
        "_changed_students",
        "_forgotten",
        "_load",
        "_runs",
        "_states",
        "_students",
        "work",
    )

    def __init__(self, load: Load) -> None:
        self._forgotten: set[bytes] = set()
        self._load = load
        self.work = Work()
        self._states: dict[bytes, WorkingState] = {}
        self._runs: dict[bytes, Run] = {}
        self._students: dict[bytes, Student] = {}
        self._changed_runs: set[bytes] = set()
        self._changed_students: set[bytes] = set()

    def _value(self, key: bytes) -> bytes | None:
        # A method and no closure kept in `self`: that would be a cycle, and states wait in it for the collector, which
        # does not see how large they are.
        return None if key in self._forgotten else self._load(key)

    def find(self, actor: str, asset_slug: str) -> WorkingState | None:
        """The state of a student in a tutorial, if there is one; raises NewerState for a newer release's."""
        key = state_key(actor, asset_slug)
        working = self._states.get(key)
        if working is None and (value := self._value(key)) is not None:
            state = _state(value)
            working = self._states[key] = WorkingState(actor, asset_slug, state, self.work, len(value))
        return working

    def state(self, actor: str, asset_slug: str, webhook_id: int, asset_id: int | None) -> WorkingState:
        """The state of a student in a tutorial, created by `webhook_id` where there is none; then it must be changed.

        Raises Refused where the student has as many tutorials as are kept.
        """
        working = self.find(actor, asset_slug)
        if working is None:
            if self.student(actor.encode("utf-8", "replace")).tutorials >= TUTORIALS:
                raise Refused(texts.too_many("tutorials of this student", TUTORIALS + 1, TUTORIALS))
            working = self.create(actor, asset_slug, webhook_id, asset_id)
        return working

    def create(self, actor: str, asset_slug: str, webhook_id: int, asset_id: int | None) -> WorkingState:
        """A new state of a student in a tutorial that has none, however many there are."""
        student = actor.encode("utf-8", "replace")
        self.student(student).tutorials += 1
        self.touch_student(student)
        working = WorkingState(actor, asset_slug, State(SCHEMA, webhook_id, webhook_id, 0, asset_id), self.work)
        self._states[state_key(actor, asset_slug)] = working
        return working

    def told(self, actor: str, asset_slug: str) -> list[int] | None:
        """The tasks that were told with a completion beside what its state says; None if none was told."""
        value = self._value(told_key(actor))
        return None if value is None else told_tasks(value).get(asset_slug)

    def run(self, student: bytes, telemetry_id: str) -> Run | None:
        """Which asset a telemetry_id of the student belongs to."""
        key = _key(b"t", student, telemetry_id)
        run = self._runs.get(key)
        if run is None and (value := self._value(key)) is not None:
            run = self._runs[key] = _decode_run(value)
        return run

    def has_room(self, student: bytes, telemetry_id: str) -> bool:
        """Whether a run may be set: the student has fewer than are kept, or it is there already."""
        return self.student(student).runs < RUNS or self.run(student, telemetry_id) is not None

    def check_run(self, student: bytes, telemetry_id: str) -> None:
        """Raises Refused where a run may not be set."""
        if not self.has_room(student, telemetry_id):
            raise Refused(texts.too_many("telemetry ids of this student", RUNS + 1, RUNS))

    def put_run(self, student: bytes, telemetry_id: str, run: Run) -> None:
        """Set a run; ask `has_room` before."""
        key = _key(b"t", student, telemetry_id)
        if self.run(student, telemetry_id) is None:
            self.student(student).runs += 1
            self.touch_student(student)
        self._runs[key] = run
        self._changed_runs.add(key)

    def student(self, student: bytes) -> Student:
        """What is remembered of a student; empty for a new one."""
        known = self._students.get(student)
        if known is None:
            value = self._value(b"u" + student)
            known = self._students[student] = Student() if value is None else _decode_student(value)
        return known

    def forget(self, student: bytes, actor: str, asset_slugs: Sequence[str], telemetry_ids: Sequence[str]) -> None:
        """Drop an actor's states, runs and what is remembered of the student, as if they had never been."""
        for slug in asset_slugs:
            self._states.pop(state_key(actor, slug), None)
            self._forgotten.add(state_key(actor, slug))
        for telemetry_id in telemetry_ids:
            key = _key(b"t", student, telemetry_id)
            self._runs.pop(key, None)
            self._changed_runs.discard(key)
            self._forgotten.add(key)
        if self._value(told_key(actor)) is not None:
            self._forgotten.add(told_key(actor))
        self._students.pop(student, None)
        self._changed_students.discard(student)
        self._forgotten.add(b"u" + student)

    def touch_student(self, student: bytes) -> None:
        """What is remembered of the student has changed."""
        self._changed_students.add(student)

    def touched(self) -> Iterator[WorkingState]:
        """The states with scores to write."""
        return (working for working in self._states.values() if working.dirty)

    def changes(self) -> list[Change]:
        """The new values of everything that changed; call it before the scores' marks are cleared."""
        # Whoever comes back within the chunk is written after the tombstone.
        out = [Change(key, None) for key in sorted(self._forgotten)]
        for key, working in self._states.items():
            if working.changed:
                working.store_overlaid()
                out.append(Change(key, _encode(working.state)))
        out.extend(Change(key, _encode(self._runs[key])) for key in self._changed_runs)
        out.extend(Change(b"u" + key, _encode(self._students[key])) for key in self._changed_students)
        return out
