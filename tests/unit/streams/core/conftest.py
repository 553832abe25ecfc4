"""Cores that most of these tests send webhooks to."""

from __future__ import annotations

import pytest

from streams.core.policy import Policy
from tests.support.core import Core


@pytest.fixture
def core() -> Core:
    """A core with an open directory."""
    return Core()


@pytest.fixture
def strict() -> Core:
    """A core with a strict directory that knows user 7, asset 5 (`lists`, in Spanish `listas`, 6) and a task."""
    core = Core(policy=Policy(strict=True))
    core.refer("users", 7, {"id": 7, "first_name": "Ada", "last_name": "L", "academies": [1, 2]})
    translations = {"us": "lists", "es": "listas"}
    core.refer("assets", 5, {"id": 5, "slug": "lists", "lang": "us", "graded": True, "translations": translations})
    core.refer("assets", 6, {"id": 6, "slug": "listas", "lang": "es", "graded": True, "translations": translations})
    core.refer("tasks", 70, {"id": 70, "user_id": 7, "associated_slug": "listas", "task_type": "EXERCISE"})
    return core
