"""How many files may be open."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from operations.descriptors import LEAST

if TYPE_CHECKING:
    from pathlib import Path


def run(command: list[str], soft: int, hard: int, directory: Path) -> subprocess.CompletedProcess[str]:
    """A process with these limits; raising the hard one back is for root, so it is lowered after the fork."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    env = {**os.environ, "TELEMETRY_KAFKA": "127.0.0.1:1", "TELEMETRY_DATA": str(directory)}
    return subprocess.run(
        [sys.executable, *command],
        env=env,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=directory,
    )


CODE = (
    "import resource; from operations.descriptors import *; require_descriptors('It');"
    "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
)


def test_the_limit_is_raised_as_far_as_it_goes(tmp_path: Path) -> None:
    """A soft limit that is too low is no error where the hard one allows more."""
    done = run(["-c", CODE], 256, 2 * LEAST, tmp_path)

    assert (done.returncode, done.stdout) == (0, f"{2 * LEAST}\n")


@pytest.mark.parametrize(
    ("command", "who"),
    [
        (["up"], "The system"),
        (["replay", "--dry-run"], "The replay"),
        (["replay", "rollback"], "The replay"),
        (["worker"], "The worker"),
        (["sink"], "The sink"),
        (["gateway"], "The gateway"),
    ],
)
def test_what_needs_more_says_so_and_does_not_start(tmp_path: Path, command: list[str], who: str) -> None:
    """With `ulimit -n 256` each of them ends with one line that says what to raise, and nothing is begun."""
    done = run(["-m", "deploy.cli", *command], 256, 256, tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {who} cannot start: only 256 files may be open (`ulimit -n`), and {LEAST} are needed. "
        "Raise the limit in the shell or the service that starts it.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_kafka_does_not_start_with_too_few(tmp_path: Path) -> None:
    """A broker that would lose its log directory for want of files is not begun."""
    code = (
        "import pathlib; from deploy.local.kafka import KafkaNode\n"
        "from operations.descriptors import DescriptorsError\n"
        "try: KafkaNode(pathlib.Path('kafka')).prepare()\n"
        "except DescriptorsError as error: print(error)"
    )

    done = run(["-c", code], 256, 256, tmp_path)

    assert done.stdout.startswith("Kafka cannot start: only 256 files may be open")
    assert not (tmp_path / "kafka").exists()


def test_the_doctor_looks_at_it(tmp_path: Path) -> None:
    """Too few are a finding with the mend, enough are ok."""
    code = (
        "from operations.doctor.machine import check_machine; from schemas.settings import load_settings\n"
        "print([one.state for one in check_machine(load_settings()) if one.check == 'open files'])"
    )

    assert run(["-c", code], 256, 256, tmp_path).stdout == "['failed']\n"
    assert run(["-c", code], 256, 2 * LEAST, tmp_path).stdout == "['ok']\n"
