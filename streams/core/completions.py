"""Which completions have left the system: read from the cells of a state table, told anew where none has (pure).

A state says by itself what was told of it while it was worked on. What else was told (by an earlier generation, or by a
state that was computed anew without it) is remembered beside it: key `c` and actor, tasks by tutorial.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from schemas.reference.task_status import COMPLETED
from streams.core.effects import Completion
from streams.core.lines import document_key, user_number
from streams.core.store import is_told, pair_of, state_key, told_key, told_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Told", "Untold", "completion", "remembering", "untold"]

_STATE: Final = b"s"

_encode: Final = msgspec.msgpack.Encoder().encode


class _Glance(msgspec.Struct, array_like=True, gc=False):
    """The beginning of a State; what is not asked for is passed over."""

    schema: int
    id: int
    version: int
    effective_at: int
    asset_id: int | None
    telemetry_id: msgspec.Raw = msgspec.Raw()
    document: msgspec.Raw = msgspec.Raw()
    mark: msgspec.Raw = msgspec.Raw()
    overlay: msgspec.Raw = msgspec.Raw()
    root: msgspec.Raw = msgspec.Raw()
    seen: msgspec.Raw = msgspec.Raw()
    started: msgspec.Raw = msgspec.Raw()
    finished_at: int | None = None
    told_tasks: list[int] = []


_glance: Final = msgspec.msgpack.Decoder(_Glance).decode


class _Finished(msgspec.Struct, frozen=True, gc=False):
    """What a state says of its completion; `at` in milliseconds, `webhook_id` the last that changed the state."""

    asset_id: int | None
    webhook_id: int
    at: int
    tasks: tuple[int, ...]


def completion(
    actor: str, asset_slug: str, *, asset_id: int | None, webhook_id: int, at: int, tasks: Sequence[int]
) -> Completion:
    """What the LMS is told: the student finished the tutorial `at` (ms), and with it these tasks."""
    value = {
        "user_id": user_number(actor),
        "actor": actor,
        "asset_slug": asset_slug,
        "asset_id": asset_id,
        "webhook_id": webhook_id,
        "completed_at": at,
        "tasks": list(tasks),
        **COMPLETED,
    }
    return Completion(document_key(actor, asset_slug), orjson.dumps(value))


@dataclass(slots=True)
class Told:
    """What the cells of one partition's state table say of completions; bounded by how many tutorials are finished."""

    finished: dict[bytes, _Finished] = field(default_factory=dict)
    remembered: dict[bytes, dict[str, list[int]]] = field(default_factory=dict)

    def take(self, cells: Iterable[tuple[bytes, bytes | None]]) -> Told:
        """Learn cells in the order in which they were written; itself."""
        for key, value in cells:
            if key[:1] == _STATE:
                state = None if value is None else _glance(value)
                if state is None or state.finished_at is None:
                    self.finished.pop(key, None)
                else:
                    tasks = tuple(state.told_tasks)
                    self.finished[key] = _Finished(state.asset_id, state.version, state.finished_at, tasks)
            elif is_told(key):
                if value is None:
                    self.remembered.pop(key, None)
                else:
                    self.remembered[key] = told_tasks(value)
        return self

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The actor and the tutorial of everything that was told; some come twice."""
        yield from map(pair_of, self.finished)
        for key, slugs in self.remembered.items():
            actor = key[1:].decode("utf-8", "surrogatepass")
            yield from ((actor, slug) for slug in slugs)

    def beside(self, actor: str, asset_slug: str) -> set[int] | None:
        """The tasks that are remembered beside the state; None if not even the completion is."""
        tasks = self.remembered.get(told_key(actor), {}).get(asset_slug)
        return None if tasks is None else set(tasks)

    def tasks(self, actor: str, asset_slug: str) -> set[int] | None:
        """The tasks that have been told with a completion; None if it has not been told."""
        finished = self.finished.get(state_key(actor, asset_slug))
        return _either(None if finished is None else set(finished.tasks), self.beside(actor, asset_slug))


@dataclass(slots=True)
class Untold:
    """What is to be written, all at once: `completions` (key, value) and `cells` of the state table that remember."""

    completions: list[tuple[bytes, bytes]] = field(default_factory=list)
    cells: list[tuple[bytes, bytes]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.completions or self.cells)


def _either(tasks: set[int] | None, more: set[int] | None) -> set[int] | None:
    return more if tasks is None else tasks if more is None else tasks | more


class _Memory:
    """What is to be remembered beside the states of a table, in addition to what is already."""

    def __init__(self, known: Told) -> None:
        self._known = known.remembered
        self._changed: dict[str, dict[str, list[int]]] = {}

    def add(self, actor: str, asset_slug: str, tasks: Iterable[int]) -> None:
        slugs = self._changed.setdefault(actor, dict(self._known.get(told_key(actor), {})))
        slugs[asset_slug] = sorted({*slugs.get(asset_slug, ()), *tasks})

    def learn(self, was: Told, now: Told) -> None:
        """Remember whatever `was` knows and `now` does not."""
        for actor, slug in was.pairs():
            tasks, known = was.tasks(actor, slug) or set(), now.tasks(actor, slug)
            if known is None or not tasks <= known:
                self.add(actor, slug, tasks)

    def cells(self) -> dict[str, tuple[bytes, bytes]]:
        return {actor: (told_key(actor), _encode(slugs)) for actor, slugs in sorted(self._changed.items())}


def untold(live: Told, target: Told) -> Untold:
    """What `target`, computed in silence, says of completions beyond what has been told, to take the place of `live`.

    With it, everything that either of them has told counts as told in `target`, so that a second time nothing is left.
    """
    completions, memory = list[tuple[bytes, bytes]](), _Memory(target)
    for key, new in target.finished.items():
        actor, slug = pair_of(key)
        before = _either(live.tasks(actor, slug), target.beside(actor, slug))
        if before is None or not before.issuperset(new.tasks):
            completions.append(
                completion(actor, slug, asset_id=new.asset_id, webhook_id=new.webhook_id, at=new.at, tasks=new.tasks)
            )
            memory.add(actor, slug, {*(before or ()), *new.tasks})
    memory.learn(live, target)
    return Untold(completions, list(memory.cells().values()))


def remembering(was: Told, now: Told) -> dict[str, tuple[bytes, bytes]]:
    """The cells, by actor, with which a table that says `now` knows all that one that says `was` has told."""
    memory = _Memory(now)
    memory.learn(was, now)
    return memory.cells()
