"""Settings in files of a directory, as containers get their secrets."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from schemas import setting_files
from schemas.settings import PREFIX, SettingsError, given_settings, load_settings


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The usual directory, here, and an environment without our variables."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "secrets"
    directory.mkdir()
    monkeypatch.setattr(setting_files, "USUAL", directory)
    return directory


def test_a_file_is_the_setting_of_its_name(secrets: Path) -> None:
    """In lower or upper case, without the line's end; other programs' files and folders are passed over."""
    (secrets / "telemetry_clickhouse").write_text("http://u:p@h:8123\n")
    (secrets / "TELEMETRY_KAFKA_SECURITY_PASSWORD").write_text(" secret \n")
    (secrets / "telemetry_redact").write_text("fullname,email\n")
    (secrets / "grafana_password").write_text("x")
    (secrets / "kubernetes.io").mkdir()

    settings = load_settings()

    assert settings.clickhouse.get_secret_value() == "http://u:p@h:8123"
    assert settings.kafka_security_password is not None
    assert settings.kafka_security_password.get_secret_value() == "secret"
    assert settings.redact == ("fullname", "email")
    assert given_settings()["TELEMETRY_REDACT"] == "fullname,email"


def test_the_environment_and_the_file_of_lines_come_first(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret is the last to be asked."""
    for name in ("partitions", "replication", "generation"):
        (secrets / f"telemetry_{name}").write_text("2")
    (tmp_path / ".env").write_text("TELEMETRY_REPLICATION=3\nTELEMETRY_GENERATION=3\n")
    monkeypatch.setenv("TELEMETRY_GENERATION", "4")

    settings = load_settings()

    assert (settings.partitions, settings.replication, settings.generation) == (2, 3, 4)


def test_another_directory_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then that alone is looked into, and one that is not there is an error."""
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "telemetry_token").write_text("t")
    (tmp_path / "secrets" / "telemetry_partitions").write_text("2")
    monkeypatch.setenv("TELEMETRY_SECRETS", str(tmp_path / "mounted"))

    settings = load_settings()

    assert settings.token is not None
    assert settings.token.get_secret_value() == "t"
    assert settings.partitions == 8

    monkeypatch.setenv("TELEMETRY_SECRETS", "/nowhere")
    with pytest.raises(
        SettingsError, match=r"^TELEMETRY_SECRETS: /nowhere is no directory\. Correct it or unset it\.$"
    ):
        load_settings()


def test_without_the_usual_directory_nothing_is_asked(secrets: Path) -> None:
    """A machine that is no container has none."""
    secrets.rmdir()

    assert load_settings().partitions == 8


def test_an_unknown_name_of_a_file_stops_the_start(secrets: Path) -> None:
    """A misspelt one would otherwise be a default that nobody notices."""
    (secrets / "telemetry_clickhose").write_text("http://u:p@h:8123")

    with pytest.raises(SettingsError, match="TELEMETRY_CLICKHOSE is not a setting; did you mean TELEMETRY_CLICKHOUSE"):
        load_settings()


def test_a_file_that_is_for_others_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the user whom to let in."""
    # The folders of pytest are root's alone.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "telemetry_token").write_text("t")
        (directory / "telemetry_token").chmod(0)
        monkeypatch.chdir(directory)
        monkeypatch.setenv("TELEMETRY_SECRETS", name)
        # Root reads everything.
        own = os.geteuid()
        os.seteuid(own or 65_534)
        try:
            said = rf"telemetry_token cannot be read: .*process, {os.geteuid()}, read it\.$"
            with pytest.raises(SettingsError, match=said):
                load_settings()
        finally:
            os.seteuid(own)


def test_a_file_that_is_no_text_stops_the_start(secrets: Path) -> None:
    """The line says where, and nothing of what is in it."""
    (secrets / "telemetry_token").write_bytes(b"hunter2\xff")

    with pytest.raises(SettingsError, match=rf"^a file in {secrets} is not UTF-8: ") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["http://u:p@h:8123\r\n", "\ufeffhttp://u:p@h:8123", "\t http://u:p@h:8123 "])
def test_what_editors_add_is_no_part_of_the_value(secrets: Path, text: str) -> None:
    """Line ends of Windows, and the mark with which some begin a file."""
    (secrets / "telemetry_clickhouse").write_text(text, newline="")

    assert load_settings().clickhouse.get_secret_value() == "http://u:p@h:8123"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: write the setting's value into it, or delete it"),
        (" \r\n", "is empty"),
        ("hunter2\nhunter3\n", "holds more than one line of text"),
        ("hunter2\0", "holds more than one line of text"),
    ],
)
def test_a_file_holds_one_line(secrets: Path, text: str, said: str) -> None:
    """An empty key is one that everybody knows: console sessions would be signed with it."""
    (secrets / "telemetry_pseudonym_key").write_text(text, newline="")

    with pytest.raises(SettingsError, match=rf"^{secrets}/telemetry_pseudonym_key {said}") as caught:
        load_settings()
    assert "hunter" not in str(caught.value)


def test_a_setting_has_one_file(secrets: Path) -> None:
    """Of two nobody knows which one holds."""
    (secrets / "telemetry_clickhouse").write_text("http://u:p@old:8123")
    (secrets / "TELEMETRY_CLICKHOUSE").write_text("http://u:p@new:8123")

    with pytest.raises(SettingsError, match=r"are the same setting: delete one of them\.$"):
        load_settings()


@pytest.mark.parametrize("name", ["PSEUDONYM_KEY", "KAFKA_SECURITY_PASSWORD"])
def test_a_secret_is_one_line_in_the_environment_too(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Kubernetes puts a Secret there as it is: with the line's end another key, and a password that nobody has."""
    monkeypatch.setenv(f"TELEMETRY_{name}", "hunter2\n")

    with pytest.raises(SettingsError, match=rf"^TELEMETRY_{name}: it holds a line break, as `echo` leaves") as caught:
        load_settings()
    assert "hunter" not in str(caught.value)


def test_a_key_is_never_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor in the environment, where Compose leaves a name empty whose value it has not."""
    monkeypatch.setenv("TELEMETRY_PSEUDONYM_KEY", "")

    with pytest.raises(SettingsError, match=r"^TELEMETRY_PSEUDONYM_KEY: it is empty.*unset it for the default\.$"):
        load_settings()
