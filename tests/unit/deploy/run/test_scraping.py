"""Where Prometheus finds the parts of a system on this machine."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

from deploy.local.resources import LOOPBACK, free_port
from deploy.run.scraping import announced, choose_binds, targets_file, targets_of

if TYPE_CHECKING:
    from pathlib import Path


def test_parts_keep_their_ports_and_share_none() -> None:
    """A restart has the addresses of before, but for one that somebody has taken."""
    before = choose_binds(["one", "two", "three"])
    port = free_port()

    assert len(set(before.values())) == 3
    with socket.create_server((LOOPBACK, port)):
        after = choose_binds(["one", "two"], {"one": f"{LOOPBACK}:{port}", "two": f"{LOOPBACK}:{free_port()}"})
    assert after["one"] != f"{LOOPBACK}:{port}"


def test_addresses_are_read_as_they_are_written() -> None:
    """What is no address is left out."""
    written = {"worker-1": "127.0.0.1:1", "sink": "127.0.0.1:2"}

    assert targets_of(",".join(f"{part}={address}" for part, address in written.items())) == written
    assert targets_of("") == targets_of("sink=nonsense,") == {}


def test_the_file_is_there_while_the_parts_are(tmp_path: Path) -> None:
    """With a target a part, named by it."""
    file = targets_file(tmp_path, "up")

    with announced(file, {"sink": "127.0.0.1:2"}):
        found = json.loads(file.read_text())
        assert [path.name for path in file.parent.glob("*.json")] == ["up.json"]

    assert found == [{"targets": ["127.0.0.1:2"], "labels": {"job": "telemetry", "process": "sink"}}]
    assert not file.exists()
