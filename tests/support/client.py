"""A LearnPack client in small: it keeps a document and says what it posts while a student works."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Client"]


@dataclass
class Client:
    """The CLI: posts a batch at each opened step, before it sets last_interaction_at, and each event as a stream.

    `testable` says of each step whether it has tests. `posted` holds (milliseconds, payload) in the order of posting.
    """

    testable: list[bool]
    clock: int
    telemetry_id: str = "t1"
    user_id: int = 7
    slug: str = "lists"
    posted: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    previous: int | None = None
    document: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.document = {
            "telemetry_id": self.telemetry_id,
            "user_id": self.user_id,
            "slug": self.slug,
            "tutorial_started_at": self.clock,
            "steps": [
                {
                    "slug": f"{place:02}",
                    "position": place,
                    "is_testeable": testable,
                    "compilations": [],
                    "tests": [],
                    "ai_interactions": [],
                }
                for place, testable in enumerate(self.testable)
            ],
            "workout_session": [{"started_at": self.clock}],
        }

    def batch(self) -> None:
        """Post the document as it is."""
        self.posted.append((self.clock, copy.deepcopy(self.document)))

    def _event(self, place: int, event: str, data: dict[str, Any]) -> None:
        self.document["last_interaction_at"] = self.clock
        payload = {
            "slug": f"{place:02}",
            "telemetry_id": self.telemetry_id,
            "user_id": self.user_id,
            "stepPosition": place,
            "event": event,
            "data": data,
        }
        self.posted.append((self.clock, copy.deepcopy(payload)))

    def open(self, place: int) -> None:
        """Open a step: the one before it is complete if it has no tests."""
        self.clock += 30_000
        step = self.document["steps"][place]
        step.setdefault("opened_at", self.clock)
        if self.previous is not None and self.previous != place and not self.testable[self.previous]:
            self.document["steps"][self.previous].setdefault("completed_at", self.clock)
        self.previous = place
        self.batch()
        self._event(place, "open_step", {})

    def attempt(self, place: int, event: str, code: int | None) -> None:
        """Compile or test; a test that passes completes the step."""
        self.clock += 10_000
        step = self.document["steps"][place]
        item = {
            "starting_at": self.clock,
            "source_code": "cHJpbnQoMSk=",
            "stdout": "MQ==",
            "exit_code": code,
            "ended_at": self.clock + 2_000,
        }
        self.clock += 2_500
        step["compilations" if event == "compile" else "tests"].append(item)
        if event == "test" and code == 0:
            step.setdefault("completed_at", item["ended_at"])
        self._event(place, event, item)

    def ask(self, place: int) -> None:
        """Ask the AI tutor."""
        self.clock += 5_000
        item = {
            "student_message": "why?",
            "ai_response": "so",
            "starting_at": self.clock,
            "ending_at": self.clock + 900,
        }
        self.clock += 1_000
        self.document["steps"][place]["ai_interactions"].append(item)
        self._event(place, "ai_interaction", item)
