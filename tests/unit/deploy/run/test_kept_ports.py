"""The addresses of a system from one start to the next."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from deploy.local.resources import LOOPBACK, free_port
from deploy.run.system import LocalSystem
from schemas.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def ports(directory: Path) -> tuple[int | None, int | None]:
    """The ports that Kafka and ClickHouse are to take; None: a free one."""
    system = LocalSystem(directory, 1, Settings())
    return system._kafka._port, system._clickhouse._wanted  # noqa: SLF001 - to prepare them takes software


@pytest.fixture
def kept(tmp_path: Path) -> tuple[int, int]:
    """The ports of a system that has run in the directory, which are free."""
    kafka, clickhouse = free_port(), free_port()
    (tmp_path / "env").write_text(
        f"TELEMETRY_KAFKA={LOOPBACK}:{kafka}\nTELEMETRY_CLICKHOUSE=http://telemetry:x@{LOOPBACK}:{clickhouse}\n"
    )
    return kafka, clickhouse


def test_a_system_keeps_its_ports(tmp_path: Path, kept: tuple[int, int]) -> None:
    """What a terminal knows of the servers holds after a restart."""
    assert ports(tmp_path) == kept


def test_a_port_that_somebody_has_is_given_up(tmp_path: Path, kept: tuple[int, int]) -> None:
    """Then the server takes a free one rather than none, and the other keeps its own."""
    with socket.create_server((LOOPBACK, kept[0])):
        assert ports(tmp_path) == (None, kept[1])


def test_a_first_start_has_no_ports_to_keep(tmp_path: Path) -> None:
    """An empty directory names none."""
    assert ports(tmp_path) == (None, None)
