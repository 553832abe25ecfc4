"""The core on webhooks of the past, beside a live generation."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.reference.rules import validate
from streams.core.policy import Past
from tests.support.core import Core

EVENT: dict[str, Any] = {"telemetry_id": "t1", "user_id": 7, "slug": "01", "event": "open_step", "data": {}}
TEXT = "Ignored by academy 1: rule 1"


def verdicts(past: Past | None) -> list[tuple[str, str]]:
    """What becomes of two events of one academy that now wants no openings, the first of which is webhook 0."""
    core = Core(past=past)
    core.refer("ignore-rules", 1, validate({"rules": [{"events": ["open_step"]}]}))
    rows = [core.send(EVENT, academy=1), core.send({**EVENT, "slug": "02"}, academy=1)]
    return [(row["verdict"], row["status_text"]) for row in rows]


def test_as_recorded_only_what_a_rule_ignored_is_ignored() -> None:
    """What was ignored stays so with the recorded text, and today's rules judge nothing else."""
    assert verdicts(Past({0: TEXT})) == [("ignored", TEXT), ("stored", "OK")]


@pytest.mark.parametrize("past", [None, Past(None)])
def test_else_todays_rules_judge(past: Past | None) -> None:
    """A live worker, and a replay with current rules, ignore both."""
    assert [verdict for verdict, _ in verdicts(past)] == ["ignored", "ignored"]


def test_spoofs_are_refused_whatever_was_recorded() -> None:
    """Who may report for whom is no rule of an academy."""
    row = Core(past=Past({0: TEXT})).send(EVENT, principal="8")

    assert row["verdict"] == "error"


@pytest.mark.parametrize(("past", "written"), [(None, 1), (Past(None), 0)])
def test_the_directory_is_not_written_by_the_past(past: Past | None, written: int) -> None:
    """The live generation has written a package's id already; a replay must not write over what came later."""
    core = Core(past=past)
    core.refer("assets", 5, {"id": 5, "slug": "lists", "lang": "us", "graded": True})

    row = core.send({"event": "package_published", "slug": "lists", "package_id": 77})

    assert row["verdict"] == "stored"
    assert len(core.directory) == written
