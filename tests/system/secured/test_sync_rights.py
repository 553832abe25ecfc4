"""`directory sync` does all of its work with the rights that its table lists."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import pytest

from operations.acls import Part
from operations.directory import load_reference
from tests.support.directory_sync import SYNC, written
from tests.support.lms_directory import make_tables
from tests.support.secured_system import SecuredSystem

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.postgres import Database
    from tests.support.processes import Processes
    from tests.support.secured_kafka import SecuredKafka
    from tests.support.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(600)]


def test_directory_sync_does_its_work_with_its_own_rights(
    secured: SecuredKafka, stack: Stack, processes: Processes, postgres_database: Database, tmp_path: Path
) -> None:
    """As a service, and once beside it: it writes what is there and removes what went; nobody is denied."""
    make_tables(postgres_database)
    system = SecuredSystem(secured, stack.clickhouse, tmp_path)
    with contextlib.ExitStack() as ending:
        ending.callback(system.remove_databases)
        system.prepare()
        environment = system.environment(Part.SYNC) | {"TELEMETRY_LMS_POSTGRES": postgres_database.dsn}
        command = [sys.executable, "-m", "deploy.cli", *map(str, SYNC), "--every", "1s"]
        child = processes.start(command, environment, tmp_path)
        child.says("directory synced", 120)
        postgres_database.execute("DELETE FROM auth_user WHERE id = 8")

        once = written(system.run(Part.SYNC, *SYNC, "--remove-any", "--postgres", postgres_database.dsn))
        reference = asyncio.run(load_reference(system.settings(Part.OPERATOR)))
        assert once["users"].startswith("1 row, ")
        assert [reference.user(student) is not None for student in (7, 8)] == [True, False]
        assert system.findings(Part.SYNC) == []
        assert child.terminate(60) == 0
    assert system.denied() == []
