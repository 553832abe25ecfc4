"""Events of notebooks as PostHog's clients send them, for tests."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.core import MORNING, Core, live_rows

__all__ = ["Notebook", "facts", "iso", "request_of", "send", "session"]


def iso(milliseconds: int) -> str:
    """An instant as the clients write it."""
    return (datetime.fromtimestamp(0, tz=UTC) + timedelta(milliseconds=milliseconds)).isoformat()


def request_of(*events: dict[str, Any], sent_at: int | None = None) -> dict[str, Any]:
    """One student's part of a request; `sent_at` in milliseconds."""
    return {"batch": list(events), **({} if sent_at is None else {"sent_at": iso(sent_at)})}


@dataclass
class Notebook:
    """One student's notebook; each event comes a second after the one before."""

    student: str = "JOHN-DOE"
    name: str = "D3_Datetimes"
    session: str = "abc12345"
    now: int = MORNING
    events: list[dict[str, Any]] = field(default_factory=list)

    def capture(self, event: str, **properties: Any) -> dict[str, Any]:
        """Any event."""
        self.now += 1000
        captured = {
            "event": event,
            "distinct_id": self.student,
            "uuid": str(uuid.uuid4()),
            "timestamp": iso(self.now),
            "properties": {"nb": self.name, "sess": self.session, "v": "1.0.0", "$lib": "posthog-python", **properties},
        }
        self.events.append(captured)
        return captured

    def start(self) -> dict[str, Any]:
        """The notebook was opened."""
        return self.capture("start")

    def cell(self, cell_id: str, code: str = "") -> dict[str, Any]:
        """A cell ran."""
        return self.capture("cell", cell_id=cell_id, cell_num=1, code=code)

    def test(self, exercise: str, *, ok: bool, attempt: int = 1, error: str | None = None) -> dict[str, Any]:
        """A test of an exercise ran, for half a second."""
        return self.capture("test", **{"ex": exercise, "ok": ok, "try": attempt, "ms": 500, "err": error})


_WHEN = ("webhook_id", "ordinal", "received_at", "version")


def send(core: Core, *events: dict[str, Any], **options: Any) -> tuple[str, str]:
    """Send one student's part of a request; status and text of its outcome."""
    return core.verdict(request_of(*events), source="posthog", **options)


def facts(core: Core) -> dict[str, Any]:
    """The facts in force by identity, without where they were first seen."""
    rows = live_rows(core.facts, ("item_id",))
    return {str(key): {name: row[name] for name in row if name not in _WHEN} for key, row in rows.items()}


def session() -> Notebook:
    """Two exercises, one passed at the third try, one not yet, and a cell that nobody tests."""
    notebook = Notebook()
    notebook.start()
    notebook.cell("setup")
    notebook.cell("ex_1")
    notebook.test("ex_1", ok=False, attempt=1)
    notebook.test("ex_1", ok=False, attempt=2)
    notebook.test("ex_1", ok=True, attempt=3)
    notebook.test("ex_1", ok=False, attempt=4)
    notebook.test("ex_2", ok=False, attempt=1)
    notebook.capture("hint", level=2)
    return notebook
