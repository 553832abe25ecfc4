"""The dbt project of clients/dbt, built on the bundled documents."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.blocks import ROOT
from tests.support.commands import as_environment
from tests.support.demo import load_demo

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

# It installs dbt, in an environment of its own.
pytestmark = [pytest.mark.system, pytest.mark.long]

PROJECT = ROOT / "clients" / "dbt"


def dbt_build(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Make the models and run their tests, which installs dbt before."""
    command = ["uv", "run", "--locked", "dbt", "--no-use-colors", "build"]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.timeout(900)
async def test_every_model_is_built_and_every_test_passes(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, clickhouse: Client, database: str
) -> None:
    """The views have the figures of docs/analysts.md and docs/ibis.md."""
    own = settings()
    await load_demo(own, processes, tmp_path)
    marts = f"{database}_marts"

    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= as_environment(own) | {
        "DBT_TARGET_DATABASE": marts,
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
        "UV_PROJECT_ENVIRONMENT": str(tmp_path / "environment"),
    }

    built = dbt_build(environment)

    assert built.returncode == 0, built.stdout + built.stderr
    assert "WARN=0 ERROR=0 SKIP=0" in built.stdout
    figures = clickhouse.query(
        f"SELECT (SELECT count() FROM {marts}.attempts), (SELECT sum(failures) FROM {marts}.step_difficulty), "
        f"(SELECT sum(things_done) FROM {marts}.tutorial_days)"
    )
    postcard = "asset_slug = 'exercise-postcard'"
    completion = clickhouse.query(f"SELECT * FROM {marts}.tutorial_completion WHERE {postcard}")
    assert completion.result_rows == [("exercise-postcard", 5, 86.3, 3, 5.7)]
    assert figures.result_rows == [(450, 81, 751)]
    first_day = f"SELECT * EXCEPT asset_slug FROM {marts}.tutorial_days WHERE {postcard} ORDER BY day LIMIT 1"
    assert [str(value) for value in clickhouse.query(first_day).result_rows[0]] == ["2024-09-13", "1", "182", "17", "4"]
