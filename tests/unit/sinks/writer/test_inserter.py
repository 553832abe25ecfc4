"""Inserts that have to be tried again."""

from __future__ import annotations

import time
from typing import Any

from structlog.testing import capture_logs

from schemas.wire.topics import Topics
from sinks.templates import Installation
from sinks.writer.inserter import Inserter
from sinks.writer.routes import derived_routes

FACTS = derived_routes(Topics("t.", 1))[0]


class _Away:
    """A client whose connections break, but for the last."""

    def __init__(self, breaks: int) -> None:
        self.breaks = breaks

    def raw_insert(self, *_arguments: Any, **_named: Any) -> None:
        """Insert."""
        if self.breaks:
            self.breaks -= 1
            raise ConnectionResetError


async def test_an_insert_that_waits_says_since_when() -> None:
    """In seconds since its first try, which grow."""
    client: Any = _Away(2)
    inserter = Inserter()
    inserter.client, inserter.installation = client, Installation("telemetry", 1)

    async def vouched() -> float:
        return time.monotonic() + 60

    began = time.monotonic()
    with capture_logs() as logged:
        await inserter.insert(FACTS, FACTS.targets[0], "name", b"{}\n", vouched)
    took = time.monotonic() - began
    inserter.close(10)

    waits = [(line["attempt"], line["seconds"]) for line in logged if line["event"] == "an insert waits"]
    assert [attempt for attempt, _ in waits] == [1, 2]
    assert 0 <= waits[0][1] <= waits[1][1] <= took
