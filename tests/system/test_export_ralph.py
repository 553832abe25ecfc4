"""A real learning record store takes the statements, and each of them once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.commands import as_environment, command
from tests.support.insights import told_system
from tests.support.ralph import LOGIN, Ralph, ralph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

    from tests.support.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def there(stack: Stack, clickhouse: Client, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ralph]:
    """Ralph over the run's ClickHouse."""
    with ralph(tmp_path_factory.mktemp("ralph"), clickhouse, stack.clickhouse, f"{database}_xapi") as running:
        yield running


def test_ralph_takes_a_day_of_the_demo(
    there: Ralph,
    stack: Stack,
    clickhouse: Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Every fact of it; sent twice nothing is there twice, and what differs is refused with what to do."""
    home = tmp_path_factory.mktemp("told")
    with told_system(stack, home) as system:
        login = {"TELEMETRY_LRS_USERNAME": LOGIN[0], "TELEMETRY_LRS_PASSWORD": LOGIN[1]}
        for name, value in {**as_environment(system.settings), **login}.items():
            monkeypatch.setenv(name, value)
        ((facts,),) = system.query("SELECT count() FROM events WHERE NOT startsWith(actor, 'telemetry:')")
        first = command("export", "xapi", "--since", "1d", "--url", there.url)
        again = command("export", "xapi", "--since", "1d", "--url", there.url, "--state", home / "another.json")
        otherwise = command("export", "xapi", "--url", there.url, "--homepage", "https://other.example")
        accounts = ("--actors", "accounts", "--state", home / "fourth.json")
        twice = command("export", "xapi", "--since", "1d", "--url", there.url, *accounts)
        monkeypatch.delenv("TELEMETRY_LRS_PASSWORD")
        nobody = command("export", "xapi", "--url", there.url, "--state", home / "third.json")

    counted = clickhouse.query(f"SELECT count(), uniqExact(event_id) FROM {there.table}").result_rows
    assert (first.code, first.err, first.out) == (0, "", f"{facts:,} statements sent.\n")
    assert (again.code, again.out) == (0, first.out)
    # One more says how students are named.
    assert counted == [(facts + 1, facts + 1)]
    assert facts > 500
    assert "another --homepage" in otherwise.complaint
    assert twice.code == 1
    assert "TELEMETRY_LRS_PASSWORD" in nobody.complaint
