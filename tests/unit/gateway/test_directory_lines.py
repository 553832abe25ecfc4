"""What may be in a record of the directory that comes over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest

from gateway.api.directory_lines import in_turns, read_lines, read_record
from gateway.errors import ApiError

if TYPE_CHECKING:
    from schemas.reference.lookup import Kind

SHA: Final = "ab" * 32


@pytest.mark.parametrize(
    ("kind", "fields", "name", "values", "most"),
    [
        ("assets", {"slug": "a"}, "aliases", ["a"] * 100, "100"),
        ("assets", {"slug": "a"}, "translations", {f"l{number}": "a" for number in range(100)}, "100"),
        ("users", {}, "academies", [1] * 100, "100"),
        ("users", {}, "notebook_names", ["a"] * 100, "100"),
        ("tokens", {"user_id": 1}, "academies", {str(number): [] for number in range(1, 1001)}, "1000"),
    ],
)
def test_lists_of_a_record_are_bounded(kind: Kind, fields: dict[str, Any], name: str, values: Any, most: str) -> None:
    """As many as there may be are taken, one more is refused, alone or on a line."""
    key = SHA if kind == "tokens" else "1"
    more = [*values, values[0]] if isinstance(values, list) else {**values, "5000": next(iter(values.values()))}
    record, larger = ({**fields, name: each} for each in (values, more))

    assert orjson.loads(read_record(kind, key.encode(), orjson.dumps(record)))[name] == values
    with pytest.raises(ApiError) as caught:
        read_record(kind, key.encode(), orjson.dumps(larger))
    on_lines = [read_lines(kind, orjson.dumps({"id": key, **each}))[0].refused for each in (record, larger)]

    assert caught.value.values["reason"] == f"`{name}` may have {most} values at most, not {int(most) + 1}"
    assert on_lines[0] is None
    assert str(on_lines[1]) == "invalid-directory-record"


def test_capabilities_of_a_token_are_bounded_in_each_academy() -> None:
    """As all lists are."""
    record = orjson.dumps({"user_id": 1, "academies": {"1": ["x"] * 101}})

    with pytest.raises(ApiError) as caught:
        read_record("tokens", SHA.encode(), record)

    assert caught.value.values["reason"] == "a list within `academies` may have 100 values at most"


def test_a_record_that_is_put_does_not_say_that_it_is_deleted() -> None:
    """It would be kept, and be taken for a deletion by whoever loads it from a file."""
    with pytest.raises(ApiError) as caught:
        read_record("tasks", b"1", b'{"user_id": 1, "deleted": true}')

    assert str(caught.value.values["reason"]).startswith("`deleted` is for lines")
    assert read_lines("tasks", b'{"id": 1, "deleted": true}')[0].value is None


async def test_others_have_their_turn_by_time_and_not_by_lines() -> None:
    """After each line where a line takes that long, and not before so long is gone."""
    turns: list[int] = []

    async def judge(each: float) -> list[int]:
        seen: list[int] = []
        async for _ in in_turns(range(6), 3.0, lambda: each * len(seen)):
            seen.append(len(turns))  # noqa: PERF401 - the clock reads it
        return seen

    async def wait_in_turn() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    other = asyncio.create_task(wait_in_turn())
    await asyncio.sleep(0)
    dear, cheap = await judge(3.0), await judge(1.0)
    other.cancel()

    assert [number - dear[0] for number in dear] == [0, 1, 2, 3, 4, 5]
    assert [number - cheap[0] for number in cheap] == [0, 0, 0, 1, 1, 1]
