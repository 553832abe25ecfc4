"""What an export keeps to when it goes on: one way of naming, one store, and what was voided or sent before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from operations.export.actors import Actors
from operations.export.errors import ExportError
from operations.export.progress_file import ProgressFile, Reached
from operations.export.statements import statement_id
from schemas.wire.pseudonyms import Pseudonyms
from tests.support.exporting import ACCOUNTS, Here, exporting
from tests.support.lrs import store
from tests.support.sink import fact

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system


class DiesError(Exception):
    """Raised where an export dies."""


class Dies(ProgressFile):
    """The file of an export that dies before it writes that a page is done."""

    def write(self, progress: Reached) -> None:
        """Write what is to be voided, and no more."""
        if not progress.voiding:
            raise DiesError
        super().write(progress)


@pytest.fixture
def here(settings: SettingsFactory, clickhouse: Client, tmp_path: Path) -> Iterator[Here]:
    """Empty tables and an empty store."""
    with exporting(settings(), clickhouse, tmp_path / "state.json") as running:
        yield running


def test_what_was_voided_is_known_to_whoever_goes_on(here: Here) -> None:
    """Also where the export died between the store's answer and the page's end: a fact that is told again is there."""
    item = fact(1, event="complete_step")
    here.fill(item)
    here.sends()
    here.fill({**item, "version": 8, "deleted": 1})
    here.sends(ends=DiesError, file=Dies)
    here.fill({**item, "version": 9})
    here.there.statements.pop(statement_id("1", voids=8))
    (sent,) = here.sends()

    assert (sent.statements, sent.differing) == (1, 0)
    assert here.there.statements.keys() == {
        statement_id("1"), statement_id("1", voids=8), statement_id("1", after=8)
    }  # fmt: skip
    assert here.sends() == []


@pytest.mark.parametrize("lost", ["", "lost"])
def test_a_store_has_no_fact_under_two_ids(here: Here, lost: str) -> None:
    """With another key the export ends at the file of the one before, or at what that one left in the store."""
    here.fill(*(fact(item) for item in range(1, 4)))
    here.sends(actors=Actors(Pseudonyms(b"one")))
    if lost:
        here.state.unlink()
    for actors in (Actors(Pseudonyms(b"two")), ACCOUNTS):
        with pytest.raises(ExportError, match=r"another (--actors|key|--homepage, --actors or key)"):
            here.sends(actors=actors)

    assert len(here.there.statements) == 3
    here.sends(actors=Actors(Pseudonyms(b"one")))
    assert len(here.there.statements) == 3


def test_the_file_of_another_store_is_refused(here: Here) -> None:
    """Else that store would never get what lies behind the file's place."""
    here.fill(fact(1))
    here.sends()
    with store() as other:
        first, here.there = here.there, other
        with pytest.raises(ExportError, match="leave --state out") as refused:
            here.sends()

    assert first.url in str(refused.value)
    assert other.url in str(refused.value)


def test_a_fact_that_is_told_anew_stays_as_it_was_sent(here: Here) -> None:
    """Statements never change: it is counted, and what is beside it arrives."""
    here.fill(fact(1), fact(2))
    here.sends()
    here.fill(fact(1, version=10, exit_code=7), fact(5))

    (sent,) = here.sends()

    assert (sent.statements, sent.differing) == (1, 1)
    assert here.sends() == []


def test_however_many_are_told_anew(here: Here) -> None:
    """Whole batches that differ end nothing, as long as students and objects are named as they were."""
    here.fill(*(fact(item) for item in range(1, 31)))
    here.sends()
    here.fill(*(fact(item, version=100, duration_ms=7) for item in range(1, 31)), fact(31))

    assert [sent.differing for sent in here.sends(page=50)] == [30]
    assert here.there.statements.keys() == {statement_id(str(item)) for item in range(1, 32)}
