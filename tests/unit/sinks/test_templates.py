"""The statements of sinks/ddl for one installation."""

from __future__ import annotations

import re

import pytest

from schemas.wire.rows import TABLES
from sinks.errors import ConfigurationError
from sinks.templates import Installation, statements

FOLDERS = ("tables", "views")
# What gateways measure; no webhook leads to a row of it, and no replay computes it anew.
MEASURED = "lag_history"


@pytest.mark.parametrize("folder", FOLDERS)
def test_on_a_cluster_every_statement_says_so(folder: str) -> None:
    """With a cluster every statement is distributed and every table replicated; without, none is."""
    alone = statements(Installation("telemetry", 1), folder)
    cluster = statements(Installation("telemetry", 1, cluster="main"), folder)

    assert all("ON CLUSTER 'main'" in text for _, text in cluster)
    assert not any("ON CLUSTER" in text for _, text in alone)
    engines = [(MEASURED in text, re.findall(r"ENGINE = (\w+)", text)) for _, text in cluster if "ENGINE" in text]
    assert all(engine == [f"Replicated{'' if measured else 'Replacing'}MergeTree"] for measured, engine in engines)


@pytest.mark.parametrize("folder", FOLDERS)
def test_statements_can_be_run_again(folder: str) -> None:
    """Each statement creates only what is missing or replaces what may be replaced."""
    for name, text in statements(Installation("telemetry", 3), folder):
        assert re.match(r"CREATE (DATABASE|TABLE) IF NOT EXISTS |CREATE OR REPLACE VIEW ", text), name


def test_each_table_is_created_once_in_its_database() -> None:
    """Raw and what is measured are in the public database, the others in the generation's."""
    created = [
        match.group(1)
        for _, text in statements(Installation("shown", 7), "tables")
        if (match := re.match(r"CREATE TABLE IF NOT EXISTS (\S+)", text))
    ]

    assert sorted(created) == sorted(
        [f"shown.{MEASURED}", *(f"{'shown' if table.name == 'raw' else 'shown_g7'}.{table.name}" for table in TABLES)]
    )


def test_the_order_of_a_table_is_its_identity() -> None:
    """Rows are one row if and only if they agree in the identity, so ORDER BY names it and no table is partitioned."""
    texts = [text for _, text in statements(Installation("telemetry", 1), "tables")]
    text = "\n".join(text for text in texts if MEASURED not in text)
    orders = re.findall(r"ORDER BY \(?([\w, ]+?)\)?\n", text)

    assert sorted(orders) == sorted(", ".join(table.identity) for table in TABLES)
    assert "PARTITION BY" not in text


@pytest.mark.parametrize("settings", [{"public": "a b"}, {"public": "x", "cluster": "y'z"}, {"public": "1a"}])
def test_names_that_are_none_are_refused(settings: dict[str, str]) -> None:
    """A database or cluster name with anything but letters, digits and underscores stops with the setting's name."""
    with pytest.raises(ConfigurationError, match="TELEMETRY_"):
        Installation(**{"generation": 1, **settings})  # type: ignore[arg-type]
