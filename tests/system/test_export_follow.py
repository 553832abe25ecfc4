"""What an export sends of facts that come, change and go: over rows that are written down here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from operations.export.errors import ExportError
from operations.export.lrs import Patience
from operations.export.statements import statement_id
from operations.table_setup import setup_tables
from tests.support.commands import as_environment, command
from tests.support.exporting import EVER, Here, exporting
from tests.support.lrs import Fails
from tests.support.sink import fact

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system

VOIDED: Final = "http://adlnet.gov/expapi/verbs/voided"


@pytest.fixture
def here(settings: SettingsFactory, clickhouse: Client, tmp_path: Path) -> Iterator[Here]:
    """Empty tables and an empty store."""
    with exporting(settings(), clickhouse, tmp_path / "state.json") as running:
        yield running


def test_each_fact_is_sent_when_it_comes(here: Here) -> None:
    """Page by page, once, and of those that came in between only these, however long ago they happened."""
    here.fill(*(fact(item) for item in range(1, 26)))
    first = here.sends()
    here.fill(fact(30, occurred_at="2020-01-01 00:00:00.000", received_at="2020-01-01 00:00:00.000"), fact(31))
    second = here.sends()

    assert [sent.rows for sent in first] == [10, 10, 5]
    assert [sent.statements for sent in second] == [2]
    assert here.sends() == []
    assert here.there.statements.keys() == {statement_id(str(item)) for item in (*range(1, 26), 30, 31)}
    assert sum(here.there.requests) == 27


def test_an_earlier_time_begins_anew(here: Here) -> None:
    """What arrived before the last run's time was passed over then."""
    here.fill(fact(1, received_at="2020-01-01 00:00:00.000"), fact(2))
    assert sum(sent.statements for sent in here.sends("2021-01-01 00:00:00.000")) == 1

    assert sum(sent.statements for sent in here.sends(EVER)) == 2


def test_what_is_taken_back_is_voided(here: Here) -> None:
    """Once; what came and went before anybody looked is not told as a fact."""
    gone = fact(1, event="complete_step")
    here.fill(gone, fact(2))
    here.sends()
    here.fill({**gone, "version": 8, "deleted": 1}, fact(3), {**fact(3), "version": 9, "deleted": 1})

    (sent,) = here.sends()

    assert (sent.statements, sent.voided) == (2, 2)
    assert statement_id("3") not in here.there.statements
    void = here.there.statements[statement_id("1", voids=8)]
    assert void["object"]["id"] == statement_id("1")
    assert here.sends() == []


def test_what_is_told_again_is_there_again(here: Here) -> None:
    """What is voided stays so: each telling after that is another statement, the same however often it is sent."""
    item = fact(1, event="complete_step")
    for row in (item, {**item, "version": 8, "deleted": 1}, {**item, "version": 9}):
        here.fill(row)
        here.sends()

    def counts() -> set[str]:
        voided = {made["object"]["id"] for made in here.there.statements.values() if made["verb"]["id"] == VOIDED}
        return {one for one, made in here.there.statements.items() if made["verb"]["id"] != VOIDED} - voided

    assert counts() == {statement_id("1", after=8)}
    assert here.sends("1969-01-01 00:00:00.000")[0].differing == 0
    here.fill({**item, "version": 10, "deleted": 1})
    here.sends()
    assert counts() == set()
    here.fill({**item, "version": 11})
    here.sends()
    assert counts() == {statement_id("1", after=10)}


def test_an_export_with_an_end_leaves_the_state_as_it_is(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever goes on from there finds what lies behind the end, and what was voided."""
    for name, value in {**as_environment(here.settings), "TELEMETRY_DATA": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    item = fact(1, received_at="2026-11-10 00:00:00.000")
    here.fill(item, fact(2, received_at="2026-11-20 00:00:00.000"))
    options = ("export", "xapi", "--url", here.there.url, "--actors", "accounts", "--state", here.state)

    assert command(*options, "--until", "2026-11-15").code == 0
    assert here.there.statements.keys() == {statement_id("1")}
    assert not here.state.exists()
    assert command(*options).code == 0
    assert here.there.statements.keys() == {statement_id("1"), statement_id("2")}
    here.fill({**item, "version": 8, "deleted": 1})
    told = here.state.read_bytes()
    assert command(*options, "--until", "2026-11-15").out == "0 statements sent.\n"
    assert here.state.read_bytes() == told
    assert here.there.statements.keys() == {statement_id("1"), statement_id("2")}


def test_nobodys_runs_wait_for_somebody(here: Here) -> None:
    """Facts of a run that no student has claimed are in no store; the student's own are."""
    here.fill(fact(1, actor="telemetry:run", user_id=None), fact(2))
    here.sends()

    assert here.there.statements.keys() == {statement_id("2")}


def test_other_tables_are_read_from_their_beginning(here: Here) -> None:
    """A generation was written at times of its own; what the store has already it leaves as it is."""
    here.fill(fact(1), fact(2))
    here.sends()
    setup_tables(here.settings.model_copy(update={"generation": 2}))
    here.fill(fact(1), fact(2), fact(3), generation=2)
    here.client.command(
        f"CREATE OR REPLACE VIEW {here.settings.database}.live_generation AS SELECT toUInt32(2) AS generation"
    )
    for view in ("events", "event_versions"):
        made = str(here.client.command(f"SHOW CREATE VIEW {here.settings.database}.{view}"))
        made = made.encode().decode("unicode_escape").replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
        here.client.command(made.replace(f"{here.settings.database}_g1", f"{here.settings.database}_g2"))

    assert sum(sent.statements for sent in here.sends()) == 3
    assert len(here.there.statements) == 3


def test_views_of_an_older_release_are_named(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that mends it."""
    for name, value in as_environment(here.settings).items():
        monkeypatch.setenv(name, value)
    here.client.command(f"CREATE OR REPLACE VIEW {here.settings.database}.event_versions AS SELECT 1 AS version")

    outcome = command("export", "xapi", "--url", here.there.url, "--actors", "accounts")

    assert outcome.code == 1
    assert "run `learnpack-telemetry setup`" in outcome.complaint


def test_a_store_that_fails_loses_nothing(here: Here) -> None:
    """The next run begins with the page that did not arrive."""
    here.fill(*(fact(item) for item in range(1, 21)))
    here.there.failures = [Fails(200), Fails(503)]
    with pytest.raises(ExportError, match="answers 503"):
        here.sends(patience=Patience(longest=0))

    here.sends()
    assert len(here.there.statements) == 10
