"""ProgSnap2 tables of facts that are written down here."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from broker.clickhouse_errors import CLICKHOUSE_ERRORS
from operations.clickhouse_streams import PARQUET, pieces
from operations.table_setup import setup_tables
from tests.support.commands import as_environment, command
from tests.support.sink import fact, insert

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system


def test_odd_facts_keep_their_rows(
    settings: SettingsFactory, clickhouse: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Texts of several lines are one row each, and a percentage beyond all bounds is no score, as in xAPI."""
    own = settings()
    setup_tables(own)
    for name, value in as_environment(own).items():
        monkeypatch.setenv(name, value)
    quizzes = [
        fact(item, event="quiz_submission", step_slug='a "b"\n,c', succeeded=True, properties=properties)
        for item, properties in enumerate(({"percentage": 250}, {"percentage": -1}, {"percentage": 75}, {}), 1)
    ]
    insert(clickhouse, f"{own.database}_g1.events", quizzes)

    arguments = ("export", "progsnap2", tmp_path / "set", "--asset", quizzes[0]["asset_slug"], "--actors", "accounts")
    outcome = command(*arguments)

    table = pd.read_csv(tmp_path / "set" / "MainTable.csv").set_index("EventID")
    assert outcome.out.startswith("4 events in "), outcome
    assert table["Score"].fillna(-1).to_dict() == {1: -1, 2: -1, 3: 0.75, 4: 1}
    assert set(table["ProblemID"]) == {'a "b"\n,c'}
    assert "\n4 events of the tutorial" in (tmp_path / "set" / "README.md").read_text()


@pytest.mark.parametrize(("fmt", "end"), [("CSVWithNames", b"\n"), ("Parquet", PARQUET), ("JSONEachRow", b"")])
def test_an_answer_that_fails_on_its_way_is_no_answer(clickhouse: Client, fmt: str, end: bytes) -> None:
    """Whatever this server makes of it, when megabytes of rows are gone already."""
    query = "SELECT number, throwIf(number = 4000000, 'enough') AS failed FROM numbers(5000000)"

    with pytest.raises(CLICKHOUSE_ERRORS):
        deque(pieces(clickhouse, query, {}, {}, fmt, end=end), maxlen=0)
