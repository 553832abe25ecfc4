"""The directory, asked by a thread."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from gateway.insights.thread_reference import for_thread
from schemas.reference.lookup import Reference

if TYPE_CHECKING:
    from schemas.reference.directory import User


async def test_look_ups_are_made_by_the_loop() -> None:
    """A thread is told what the directory says, and what it raises, and the directory sees one thread."""
    askers: list[Any] = []

    class Noting(Reference):
        def user(self, number: int) -> User | None:
            askers.append(threading.current_thread())
            if number < 0:
                raise KeyError(number)
            return super().user(number)

    reference = Noting()
    reference.apply("users", b"7", b'{"id": 7, "first_name": "Ada"}')
    view = for_thread(reference)
    askers.clear()
    known, unknown = await asyncio.to_thread(lambda: (view.user(7), view.user(8)))
    with pytest.raises(KeyError):
        await asyncio.to_thread(view.user, -1)

    assert known == reference.user(7) is not None
    assert unknown is None
    assert set(askers) == {threading.current_thread()}
