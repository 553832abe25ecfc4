"""What a chunk makes is gone with it, without a search for cycles: states are large, and hidden from such a search."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka.structs import ConsumerRecord

from schemas.reference.lookup import Reference
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from streams.core.chunk import ChunkProcessor
from streams.core.dead import dead_outcome
from streams.core.policy import Policy
from streams.outbox import Outbox
from streams.prepare import prepare
from streams.processing import Core
from tests.support.core import MORNING
from tests.support.payloads import attempt, document, step

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCE = Reference()
_CORE = Core(lambda load: ChunkProcessor(load, _REFERENCE, Policy()), dead_outcome)
_LIMIT = 8 << 20

_COMPILE = {"event": "compile", "user_id": 7, "telemetry_id": "t-1", "package_slug": "tutorial", "step_position": 0}
_KINDS: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "batch": [(document(step("01", 0, 5, tests=[attempt(3, 0)]), user_id=7), {})],
    "stream": [(_COMPILE | {"data": {"started_at": MORNING + at, "exit_code": 1}}, {}) for at in range(3)],
    "orphan": [({"event": "compile", "user_id": 7, "telemetry_id": "t-9", "slug": "01", "data": {}}, {})],
    "notebook": [
        (
            {"batch": [{"event": "test", "distinct_id": "ada", "properties": {"nb": "n", "ex": "e", "ok": True}}]},
            {"source": "posthog"},
        )
    ],
    "command": [
        (
            {"command": "telemetry.upsert", "user_id": "7", "asset_slug": "tutorial", "fields": {"total_time": 4}},
            {"source": "staff"},
        )
    ],
    "refused": [({"event": "dance", "user_id": 7, "slug": "x"}, {}), ({"event": "package_published", "slug": "x"}, {})],
    "dead": [(b"no JSON", {}), ({"a": 1}, {"source": "staff"}), (document(user_id=7), {})],
    "only dead": [(b"no JSON", {})],
    "halved": [(b"no JSON", {})] * 40,
    "oversize": [(document(user_id=7, slug="x" * _LIMIT), {})],
}


def _records(kind: str) -> list[ConsumerRecord[bytes, bytes]]:
    made = []
    for offset, (payload, headers) in enumerate(_KINDS[kind]):
        value = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        encoded = tuple(encode_headers(RawHeaders(**headers)))
        made.append(ConsumerRecord("raw", 0, offset, MORNING + offset, 0, b"7", value, None, 1, len(value), encoded))
    return made


@pytest.fixture
def without_search() -> Iterator[None]:
    """No search for cycles but those that the test starts."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _settle(table: dict[bytes, bytes], records: list[ConsumerRecord[bytes, bytes]]) -> None:
    settled = prepare(_CORE, table.get, Outbox(Topics("t.", 1), 0, _CORE, _LIMIT), records)
    if settled is not None and settled[0].effects is not None:
        table.update((key, value) for key, value in settled[0].effects.changes if value is not None)


@pytest.mark.usefixtures("without_search")
@pytest.mark.parametrize("kind", _KINDS)
def test_nothing_of_a_chunk_waits_for_a_search_for_cycles(kind: str) -> None:
    """A chunk of every kind leaves no object behind that only the collector would find."""
    table: dict[bytes, bytes] = {}
    records = _records(kind)
    _settle(table, records)
    gc.collect()

    _settle(table, records)

    assert gc.collect() == 0


@pytest.mark.usefixtures("without_search")
@pytest.mark.parametrize("count", [1, 2, 40])
def test_records_on_which_the_core_raises_leave_nothing_behind(count: int) -> None:
    """An exception holds the frames that it came through: nothing that a chunk made may hold it."""

    def broken(_key: bytes) -> bytes | None:
        message = "the table cannot be read"
        raise RuntimeError(message)

    def once() -> None:
        prepare(_CORE, broken, Outbox(Topics("t.", 1), 0, _CORE, _LIMIT), _records("batch") * count)

    once()
    gc.collect()

    once()

    assert gc.collect() == 0


@pytest.mark.usefixtures("without_search")
def test_chunks_over_a_large_state_do_not_grow_the_process() -> None:
    """After twenty chunks as much memory is in use as after two, whatever the collector can see."""
    table: dict[bytes, bytes] = {}
    many = [attempt(at, 1) for at in range(10_000)]
    payload = orjson.dumps(document(step("01", 0, compilations=many), user_id=7))
    headers = tuple(encode_headers(RawHeaders()))

    def chunk(offset: int, value: bytes) -> None:
        arrival = MORNING + offset * 1000
        record = ConsumerRecord("raw", 0, offset, arrival, 0, b"7", value, None, 1, len(value), headers)
        _settle(table, [record])

    def event(offset: int) -> None:
        data = {"started_at": MORNING + offset, "exit_code": 1}
        chunk(offset, orjson.dumps(_COMPILE | {"data": data}))

    chunk(0, payload)
    event(1)
    event(2)
    before = sys.getallocatedblocks()
    for offset in range(3, 23):
        event(offset)

    assert sys.getallocatedblocks() - before < len(many)
