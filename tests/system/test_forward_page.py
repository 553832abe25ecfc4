"""docs/forwarding.md: its commands do what it says, before and after anything was forwarded."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from operations.table_setup import setup_tables
from schemas.forward_settings import signing_keys
from schemas.wire.topics import Topics
from tests.chaos.kafka import read_all
from tests.support.blocks import run_by
from tests.support.commands import command
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system

BLOCKS = run_by("tests/system/test_forward_page.py::test_the_pages_commands_work")


def test_the_pages_commands_work(installed: Settings) -> None:
    """A secret that settings take, a pause that `status` tells, and its end."""
    setup_tables(installed)
    said = {
        tuple(words[1:3]): command(*words[1:])
        for block in BLOCKS
        for line in block.text.splitlines()
        if (words := shlex.split(line))
    }

    assert {one.code for one in said.values()} == {0}
    assert signing_keys(SecretStr(said["forward", "secret"].out.strip()))
    assert said["forward", "status"].out == "No forwarder has begun yet.\n"
    not_yet = "No forwarder lms has begun (nor has any other); one that is started by that name will not be paused.\n"
    assert said["forward", "resume"].out == not_yet
    assert said["dead-letters", "retry"].out == "No dead letter from learnpack.completions waits.\n"


def test_the_page_s_document_is_a_completion(
    installed: Settings, start_part: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its one request is told on the topic that forwarders read."""
    for part in ("worker", "gateway"):
        start_part(part)
    monkeypatch.setenv("TELEMETRY_TOKEN", command("token", "create", "--user", 7, "--academy", 1).out.strip())
    (block,) = run_by("tests/system/test_forward_page.py::test_the_page_s_document_is_a_completion")

    def taken() -> bool:
        return subprocess.run(["bash", "-euc", block.text], check=False).returncode == 0

    def told() -> bool:
        read = asyncio.run(read_all(installed.kafka, Topics.of(installed).completions, installed.partitions))
        return any(b"one-step" in (record.value or b"") for partition in read for record in partition)

    eventually(taken, 60, "the request")
    eventually(told, 30, "the completion")


def test_a_pause_is_told_though_nobody_runs(installed: Settings) -> None:
    """With its reason, and after another one ended."""
    paused = command("forward", "pause", "--name", "chat")
    command("forward", "pause", "--reason", "it moves")
    command("forward", "resume", "--name", "chat")

    shown = command("forward", "status").out

    assert paused.out.startswith("No forwarder chat has begun")
    assert paused.out.endswith("one that is started by that name will be paused.\n")
    assert "paused: it moves" in " ".join(shown.split())
    assert "chat" not in shown
    assert installed.forward_name in shown


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["forward"], "say where to: --url https://HOST/PATH, or TELEMETRY_FORWARD_URL."),
        (["forward", "--url", "https://lms.example.org/"], "set TELEMETRY_FORWARD_SECRET"),
        (["forward", "--url", "lms"], "--url: it must be https://HOST/PATH"),
        (["forward", "--url", "http://10.1.2.3/"], "TELEMETRY_FORWARD_INSECURE=true"),
    ],
)
def test_what_is_missing_is_said_in_a_line(place: Settings, arguments: list[str], line: str) -> None:
    """Before anything is connected."""
    outcome = command(*arguments)

    assert place.forward_url is None
    assert outcome.code == 1
    assert line in outcome.complaint
