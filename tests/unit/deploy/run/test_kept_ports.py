"""The addresses of a system from one start to the next."""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import KafkaNode
from deploy.local.progress import silent
from deploy.local.resources import LOOPBACK, free_port
from deploy.run.kept import set_for_commands, write_env
from deploy.run.system import LocalSystem
from schemas.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def ports(directory: Path) -> tuple[int | None, int | None]:
    """The ports that Kafka and ClickHouse are to take; None: a free one."""
    system = LocalSystem(directory, 1, Settings())
    assert isinstance(system._kafka, KafkaNode)  # noqa: SLF001 - as below
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


def test_the_gateway_keeps_its_port(tmp_path: Path) -> None:
    """What was pasted into a learn.json holds after a restart, unless somebody has the port by then."""
    port, default = free_port(), Settings(_env_file=None)
    (tmp_path / "env").write_text(f"TELEMETRY_GATEWAY_URL=http://{LOOPBACK}:{port}\n")

    assert LocalSystem(tmp_path, 1, default)._choose_bind() == f"{LOOPBACK}:{port}"  # noqa: SLF001 - as above
    with socket.create_server((LOOPBACK, port)):
        moved = LocalSystem(tmp_path, 1, default)
        moved._bind = moved._choose_bind()  # noqa: SLF001 - as above
    assert moved.gateway_url != f"http://{LOOPBACK}:{port}"
    assert moved.left_port == port
    named = Settings(_env_file=None, gateway_bind=f"{LOOPBACK}:{(own := free_port())}")
    assert LocalSystem(tmp_path, 1, named)._choose_bind() == f"{LOOPBACK}:{own}"  # noqa: SLF001 - as above


def test_a_new_log_has_four_partitions_and_an_old_one_its_own(tmp_path: Path) -> None:
    """A small machine pays for each; workers need one each, a log is never cut anew, and who says a number is heard."""
    (tmp_path / "env").write_text("TELEMETRY_PARTITIONS=8\n")
    default, new = Settings(_env_file=None), tmp_path / "new"

    assert LocalSystem(new, 1, default).followed == {"partitions": 4}
    assert LocalSystem(new, 6, default).followed == {"partitions": 6}
    assert LocalSystem(tmp_path, 1, default).followed == {"partitions": 8}
    assert LocalSystem(tmp_path, 1, Settings(_env_file=None, partitions=2)).followed == {}


def test_until_the_log_is_known_a_terminal_finds_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `raw switch` the settings of a fresh terminal name the topic that was left: only Kafka knows the other."""
    monkeypatch.setattr(KafkaNode, "prepare", lambda *_: None)
    monkeypatch.setattr(ClickHouseServer, "prepare", lambda *_: None)
    before = "TELEMETRY_RAW_TOPIC=webhooks.raw.2\nTELEMETRY_PARTITIONS=8\n"
    (tmp_path / "env").write_text(before)
    new = tmp_path / "new"

    for directory in (tmp_path, new):
        system = LocalSystem(directory, 1, Settings(_env_file=None))
        system.prepare(silent)
        assert system._lock is not None  # noqa: SLF001 - held until the process ends
        system._lock.close()  # noqa: SLF001 - as above

    assert (tmp_path / "env").read_text() == before
    assert sorted(path.name for path in new.iterdir()) == ["ingest-key", "lock", "written-by.json"]


def test_what_was_set_is_for_commands_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """By it they find the generation and compute as the parts do; what was not set is left out."""
    assert set_for_commands(Settings(_env_file=None)) == {}
    monkeypatch.setenv("TELEMETRY_GENERATION", "2")
    monkeypatch.setenv("TELEMETRY_PSEUDONYM_KEY", "k" * 32)
    monkeypatch.setenv("TELEMETRY_LOG_FORMAT", "json")

    assert set_for_commands(Settings(_env_file=None)) == {
        "TELEMETRY_GENERATION": "2",
        "TELEMETRY_PSEUDONYM_KEY": "k" * 32,
    }


def test_a_terminal_that_loads_the_file_again_loses_what_is_no_longer_set(tmp_path: Path) -> None:
    """What an earlier run was given, such as a generation, would make commands look at another system."""
    write_env(tmp_path / "env", {"TELEMETRY_RAW_TOPIC": "webhooks.raw 2"})
    shell = 'set -a; . "$0"; set +a; echo "$TELEMETRY_GENERATION|$TELEMETRY_RAW_TOPIC|$OTHER"'
    before = {"TELEMETRY_GENERATION": "2", "TELEMETRY_RAW_TOPIC": "webhooks.raw", "OTHER": "stays"}

    done = subprocess.run(["sh", "-c", shell, tmp_path / "env"], env=before, capture_output=True, text=True, check=True)

    assert done.stdout == "|webhooks.raw 2|stays\n"


def test_a_port_that_somebody_has_is_given_up(tmp_path: Path, kept: tuple[int, int]) -> None:
    """Then the server takes a free one rather than none, and the other keeps its own."""
    with socket.create_server((LOOPBACK, kept[0])):
        assert ports(tmp_path) == (None, kept[1])


def test_a_first_start_has_no_ports_to_keep(tmp_path: Path) -> None:
    """An empty directory names none."""
    assert ports(tmp_path) == (None, None)
