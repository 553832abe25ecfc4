"""How many questions are asked at once."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from gateway.reading.questions import BusyError, Questions
from gateway.reading.store import ReadError


class Gate:
    """Answers when it is opened, and counts who is in."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.inside = self.most = 0

    async def rows(
        self, _sql: str, _parameters: Any = None, *, limits: dict[str, Any], **_: Any
    ) -> list[dict[str, Any]]:
        """The limits of a question, as its only row."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.opened.wait()
        self.inside -= 1
        return [limits]


async def test_others_wait_and_no_more_than_so_many() -> None:
    """Two are asked, two wait, the fifth is turned away at once; all four are answered in the end, within limits."""
    gate = Gate()
    questions = Questions(gate, at_once=2, waiting=2)  # type: ignore[arg-type]
    asked = [asyncio.ensure_future(questions.rows("SELECT 1")) for _ in range(4)]
    await asyncio.sleep(0)

    with pytest.raises(BusyError):
        await questions.rows("SELECT 1")
    gate.opened.set()
    answers = await asyncio.gather(*asked)

    assert gate.most == 2
    assert all(rows[0]["max_execution_time"] == 5 for rows in answers)


async def test_a_question_that_fails_makes_room() -> None:
    """Nobody waits for one that ended badly."""

    class Away:
        async def rows(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
            raise ReadError

    questions = Questions(Away(), at_once=1, waiting=1)  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(ReadError):
            await questions.rows("SELECT 1")


async def test_what_is_kept_is_asked_once() -> None:
    """For all who ask the same in a while; another parameter is another question, and only so many are kept."""
    asked: list[int] = []

    class Counting:
        async def rows(self, _: str, parameters: dict[str, int], **__: Any) -> list[dict[str, Any]]:
            asked.append(parameters["academy"])
            return [parameters]

    questions = Questions(Counting())  # type: ignore[arg-type]
    for academy in (1, 1, 2, 1, *range(3, 70), 1):
        assert await questions.kept("SELECT", {"academy": academy}, 3600.0) == [{"academy": academy}]

    assert asked == [1, 2, *range(3, 70), 1]


async def test_so_many_rows_are_kept() -> None:
    """However few answers they are of: those asked for last, and the last answer whatever it is."""
    asked: list[str] = []

    async def ask(name: str) -> list[int]:
        asked.append(name)
        return [0] * 12_000

    questions = Questions(object())  # type: ignore[arg-type]
    for name in ("a", "a", "b", "b", "a"):
        await questions.keep(name, partial(ask, name), 3600.0)

    assert asked == ["a", "b", "a"]
