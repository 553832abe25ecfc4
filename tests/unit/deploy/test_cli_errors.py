"""How commands end: exit codes, and errors of one line that say what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from deploy.local.resources import free_port
from schemas.settings import PREFIX, SettingsError
from tests.support.commands import command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the test's own."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_an_unknown_setting_stops_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is named together with the one that was meant."""
    monkeypatch.setenv("TELEMETRY_PARTITION", "8")

    outcome = command("setup")

    assert outcome.code == 1
    assert outcome.complaint.startswith("error: TELEMETRY_PARTITION is not a setting; did you mean TELEMETRY_PARTITION")


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("PARTITIONS", "many", "(got 'many')"),
        ("PARTITIONS", "0", "greater than 0"),
        ("KAFKA", "localhost", "is not HOST:PORT"),
        ("DIRECTORY", "ajar", "'open' or 'strict'"),
    ],
)
def test_a_bad_value_stops_a_command(monkeypatch: pytest.MonkeyPatch, name: str, value: str, part: str) -> None:
    """The line names the variable, what is wrong with it, and how to go on."""
    monkeypatch.setenv(f"TELEMETRY_{name}", value)

    outcome = command("status")

    assert outcome.code == 1
    assert outcome.complaint.startswith(f"error: TELEMETRY_{name}: ")
    assert part in outcome.complaint
    assert outcome.complaint.endswith("Correct it or unset it for the default.")


def test_a_bad_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line about an address with a password has no password in it."""
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", "clickhouse://telemetry:hunter2@127.0.0.1:8123")

    outcome = command("status")

    assert outcome.code == 1
    assert outcome.complaint.startswith("error: TELEMETRY_CLICKHOUSE: ")
    assert "hunter2" not in outcome.complaint


def test_settings_are_read_from_a_file(tmp_path: Path) -> None:
    """`.env` of the working directory counts, and its mistakes as well."""
    (tmp_path / ".env").write_text("TELEMETRY_STORES=memory\n")

    assert "did you mean TELEMETRY_STORE?" in command("setup").complaint


def test_verbose_gives_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --verbose the error comes out as it was raised."""
    monkeypatch.setenv("TELEMETRY_PARTITIONS", "many")

    with pytest.raises(SettingsError, match="TELEMETRY_PARTITIONS"):
        command("--verbose", "setup")


def test_the_process_ends_with_the_code(tmp_path: Path) -> None:
    """A shell sees 1 and one line, or with --verbose 1 and a traceback that ends in the same words."""
    run = [sys.executable, "-m", "deploy.cli"]
    env = {**os.environ, "TELEMETRY_STORE": "disk"}

    short, long = (
        subprocess.run([*run, *more], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)
        for more in (["setup"], ["--verbose", "setup"])
    )

    assert (short.returncode, long.returncode) == (1, 1)
    assert len(short.stderr.splitlines()) == 1
    assert long.stderr.startswith("Traceback")
    assert long.stderr.splitlines()[-1].endswith(short.stderr.strip().removeprefix("error: "))


@pytest.mark.parametrize(
    "arguments",
    [
        ("sing",),
        ("rules", "get", "four"),
        ("rules", "get", "-1"),
        ("up", "--ephemeral", "--data", "x"),
        ("up", "--workers", "0"),
        ("token", "create"),
        ("token", "create", "--user", "7", "--ingest"),
        ("token", "create", "--ingest", "--capability", "crud_telemetry"),
        ("token", "create", "--user", "7", "--capability", "read_assignment"),
        ("token", "create", "--user", "7", "--academy", "4", "--capability", "fly"),
        ("token", "create", "--user", "7", "--expires", "soon"),
        ("send",),
        ("send", "file", "--rate", "0"),
    ],
)
def test_wrong_usage_is_two(arguments: tuple[str, ...]) -> None:
    """What was typed wrongly ends with 2 and writes nothing to standard output."""
    outcome = command(*arguments)

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err


@pytest.mark.parametrize("arguments", [("setup",), ("token", "list"), ("token", "create", "--user", "7")])
def test_a_broker_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    """Without Kafka the line says where it was looked for, how to start it and which variable to look at."""
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("TELEMETRY_KAFKA", address)

    outcome = command(*arguments)

    assert outcome.code == 1
    assert outcome.complaint == (
        f"error: Kafka: it does not answer at {address}; start it (`learnpack-telemetry up`) or correct "
        "TELEMETRY_KAFKA."
    )


def test_a_gateway_that_is_away_is_named(tmp_path: Path) -> None:
    """Without a gateway nothing is sent and the line says where it was looked for and what to do."""
    url = f"http://127.0.0.1:{free_port()}"
    file = tmp_path / "document.json"
    file.write_text("{}")

    outcome = command("send", file, "--token", "t", "--url", url)

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1] == (
        f"error: Gateway: it does not answer at {url}; start it (`learnpack-telemetry up`) or correct --url or "
        "TELEMETRY_GATEWAY_URL."
    )


def test_sending_needs_a_token(tmp_path: Path) -> None:
    """Without a token the line says where to get one."""
    assert "set TELEMETRY_TOKEN (`up` writes one to DIR/env)" in command("send", tmp_path / "x").complaint


def test_names_in_errors_are_shown_as_they_are(tmp_path: Path) -> None:
    """What looks like markup in a file's name stays."""
    outcome = command("send", tmp_path / "[bold]all.json", "--token", "t")

    assert outcome.code == 1
    assert "[bold]all.json cannot be read" in outcome.complaint


def test_a_rules_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file and one that is no JSON are errors of one line."""
    soup = tmp_path / "soup.json"
    soup.write_text("soup")

    assert (
        command("rules", "put", 4, tmp_path / "x").complaint
        == f"error: {tmp_path / 'x'} cannot be read: there is no such file. Correct its name."
    )
    assert command("rules", "put", 4, soup).complaint.startswith(f"error: {soup} is not JSON: ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--student", "7", "--asset", "lists"), "only one of --student, --asset and --academy"),
        (("--academy", "4", "--algorithm", "1.1"), "a generation has one algorithm"),
        (("--student", "7", "--without-expired"), "a replay in place keeps those rows, or is refused"),
    ],
)
def test_a_part_that_cannot_be_replayed_is_refused(arguments: tuple[str, ...], complaint: str) -> None:
    """One part at a time, with the generation's own algorithm; the text says so before anything is connected."""
    outcome = command("replay", *arguments)

    assert outcome.code == 2
    assert complaint in " ".join(outcome.err.replace("│", " ").split())


def test_an_address_that_an_option_gave_is_said_of_the_option(tmp_path: Path) -> None:
    """`send --url` without a scheme is told of as `--url`, in words of this project."""
    outcome = command("send", tmp_path / "x", "--token", "t", "--url", "127.0.0.1:8000")

    assert outcome.code == 1
    assert outcome.complaint.startswith("error: --url: it must begin with http:// or https:// (got ")


def test_a_file_without_webhooks_is_no_success(tmp_path: Path) -> None:
    """Nothing was sent, and the line says why."""
    (tmp_path / "empty").touch()

    outcome = command("send", tmp_path / "empty", "--token", "t")

    assert outcome.code == 1
    assert outcome.complaint.startswith(f"error: {tmp_path / 'empty'} has no webhook: it is empty.")


def test_a_day_is_asked_for_as_people_write_it(tmp_path: Path) -> None:
    """Another format is refused with the one that is meant."""
    outcome = command("archive", tmp_path, "--until", "21.11.2026")

    assert outcome.code == 2
    assert "'21.11.2026' is not a day as YYYY-MM-DD." in " ".join(outcome.err.replace("│", " ").split())


@pytest.mark.parametrize("asked", ["status", "doctor"])
def test_a_stopped_system_is_told_of_in_plain_words(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    """Each server is said not to answer at its address, with how to start it, and nothing is in a library's words."""
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("TELEMETRY_KAFKA", address)
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", f"http://telemetry:hunter2@{address}")
    monkeypatch.setenv("TELEMETRY_GATEWAY_URL", f"http://{address}")

    outcome = command(asked, "--json")

    assert outcome.code == 1
    assert outcome.out.count("does not answer at ") == 3
    assert outcome.out.lower().count("start it (`learnpack-telemetry up`) or correct telemetry_") == 3
    assert not [word for word in ("Pool", "Error", "AddressFamily", "hunter2") if word in outcome.out]


@pytest.mark.parametrize(
    "line", [("forward", "pause", "--reason"), ("forward", "--name"), ("trace",), ("export", "xapi", "--url")]
)
def test_a_text_that_is_not_utf_8_is_wrong_usage(line: tuple[str, ...]) -> None:
    """No record and no request could hold it, nor could it be printed."""
    outcome = command(*line, "a\udcff")

    assert outcome.code == 2
    assert "it is not UTF-8." in outcome.err
