"""Settings from the environment and `.env`: defaults, and a start that stops at mistakes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from schemas.settings import PREFIX, Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an environment without our variables."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal() -> str:
    """The text with which the settings are refused."""
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_the_defaults_are_those_of_the_contract() -> None:
    """Without any variable every documented setting has its documented default."""
    settings = load_settings()

    assert settings.gateway_bind == "127.0.0.1:8000"
    assert (settings.partitions, settings.replication) == (8, 1)
    assert (settings.directory, settings.default_academy, settings.auth) == ("open", None, "token")
    assert settings.max_body_bytes == 5 * 1024 * 1024
    assert settings.dedup_window == 600
    assert (settings.webhook_retention_days, settings.raw_retention_days) == (30, 365)
    assert settings.redact == ()
    assert settings.algorithm == "1.0"
    assert settings.store == "rocksdb"
    assert settings.log_format == "console"
    assert settings.topic_prefix == "learnpack."
    assert settings.database == "telemetry"
    assert settings.kafka_options() == {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "PLAINTEXT",
        "retry_backoff_ms": 250,
    }


@pytest.mark.parametrize(
    "name",
    [
        *("KAFKA", "KAFKA_SECURITY_PROTOCOL", "CLICKHOUSE", "GATEWAY_BIND", "GATEWAY_URL", "TOKEN", "PARTITIONS"),
        *("REPLICATION", "DIRECTORY", "DEFAULT_ACADEMY", "AUTH", "SPOOL", "MAX_BODY_BYTES", "DEDUP_WINDOW"),
        *("WEBHOOK_RETENTION_DAYS", "RAW_RETENTION_DAYS", "REDACT", "STORE", "LOG_FORMAT", "ALGORITHM"),
    ],
)
def test_every_variable_of_the_contract_is_a_setting(name: str) -> None:
    """The documented names are known."""
    assert f"TELEMETRY_{name}" in Settings.settings_names()


def test_variables_come_before_the_file_and_arguments_before_both(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins over the environment, and that over `.env`."""
    (place / ".env").write_text("TELEMETRY_PARTITIONS=2\nTELEMETRY_REPLICATION=2\nTELEMETRY_GENERATION=2\nOTHER=x\n")
    monkeypatch.setenv("TELEMETRY_REPLICATION", "3")
    monkeypatch.setenv("TELEMETRY_GENERATION", "3")

    settings = load_settings(generation=4)

    assert (settings.partitions, settings.replication, settings.generation) == (2, 3, 4)


@pytest.mark.parametrize("redact", ["fullname,email", " fullname , email ,"])
def test_redacted_fields_are_comma_separated(monkeypatch: pytest.MonkeyPatch, redact: str) -> None:
    """Blanks and empty parts do not count."""
    monkeypatch.setenv("TELEMETRY_REDACT", redact)

    assert load_settings().redact == ("fullname", "email")
    assert load_settings(redact=("a",)).redact == ("a",)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("TELEMETRY_PARTITION", "did you mean TELEMETRY_PARTITIONS?"),
        ("telemetry_partition", "did you mean TELEMETRY_PARTITIONS?"),
        ("TELEMETRY_XYZZY", "known ones: TELEMETRY_ALGORITHM, TELEMETRY_ANALYST_CLICKHOUSE, "),
    ],
)
def test_an_unknown_variable_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    """The text names it and what was meant, or all that there are."""
    monkeypatch.setenv(name, "4")

    text = refusal()
    assert text.startswith(f"{name.upper()} is not a setting; {hint}")
    assert text.endswith("Correct its name or unset it.")


def test_an_unknown_name_in_the_file_stops_the_start(place: Path) -> None:
    """A misspelt line of `.env` would otherwise be a default that nobody notices."""
    (place / ".env").write_text("TELEMETRY_PARTITIONS=2\nTELEMETRY_DIRECTRY=strict\n")

    assert refusal().startswith("TELEMETRY_DIRECTRY is not a setting; did you mean TELEMETRY_DIRECTORY?")


def test_the_notebooks_variables_are_passed_over(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TELEMETRY_PACKAGE_ names belong to another program, in the environment and in the file."""
    (place / ".env").write_text("TELEMETRY_PACKAGE_HOST=h\nTELEMETRY_PACKAGE_ANYTHING=\n")
    monkeypatch.setenv("TELEMETRY_PACKAGE_PROJECT_KEY", "x")

    assert load_settings().partitions == 8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARTITIONS", "0"),
        ("PARTITIONS", "2048"),
        ("PARTITIONS", "many"),
        ("REPLICATION", "-1"),
        ("DIRECTORY", "Open"),
        ("DEFAULT_ACADEMY", "-1"),
        ("DEFAULT_ACADEMY", ""),
        ("DEFAULT_ACADEMY", "99999999999999999999"),
        ("AUTH", "none"),
        ("STORE", "disk"),
        ("LOG_FORMAT", "xml"),
        ("MAX_BODY_BYTES", "0"),
        ("DEDUP_WINDOW", "-1"),
        ("GATEWAY_BIND", "8000"),
        ("GATEWAY_BIND", "host:"),
        ("GATEWAY_BIND", "host:65536"),
        ("GATEWAY_BIND", "host:²"),
        ("GATEWAY_URL", "localhost:8000"),
        ("KAFKA", ""),
        ("KAFKA", "broker"),
        ("KAFKA", "broker:9092,"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("KAFKA_SECURITY_MECHANISM", "GSSAPI"),
        ("DATABASE", "a b"),
        ("DATABASE", "x; DROP"),
        ("DATABASE", "1a"),
        ("CLICKHOUSE_CLUSTER", "a'b"),
        ("TOPIC_PREFIX", "a/b"),
        ("RAW_TOPIC", "a b"),
        ("RAW_TOPIC", ".."),
        ("RAW_TOPIC", ""),
        ("RAW_TOPIC", "x" * 101),
        ("RAW_TOPIC", "completions"),
        ("TOPIC_PREFIX", "a" * 101),
        ("GENERATION", "0"),
        ("RAW_RETENTION_DAYS", "36500"),
        ("WEBHOOK_RETENTION_DAYS", "20001"),
    ],
)
def test_a_bad_value_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The text names the variable and the value, and says what to do."""
    monkeypatch.setenv(f"TELEMETRY_{name}", value)

    text = refusal()
    assert text.startswith(f"TELEMETRY_{name}: ")
    assert text.endswith(f"(got {value!r}). Correct it or unset it for the default.")


def test_a_bad_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL of ClickHouse holds a password, so the text names the variable only."""
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", "user:hunter2@host:8123")

    assert refusal() == (
        "TELEMETRY_CLICKHOUSE: it must begin with http:// or https://. Correct it or unset it for the default."
    )


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed of the settings holds no token and no password."""
    for name in ("TOKEN", "KAFKA_SECURITY_PASSWORD"):
        monkeypatch.setenv(f"TELEMETRY_{name}", "hunter2")
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", "http://user:hunter2@host:8123/")

    settings = load_settings()
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.clickhouse.get_secret_value() == "http://user:hunter2@host:8123"


def test_a_file_that_is_not_utf8_stops_the_start(place: Path) -> None:
    """The text says what is wrong with the file."""
    (place / ".env").write_bytes(b"TELEMETRY_TOPIC_PREFIX=\xff\n")

    with pytest.raises(SettingsError, match=r"^\.env is not UTF-8: .*Save it as UTF-8\.$"):
        load_settings()


def test_an_encrypted_cluster_gets_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """SASL over TLS reaches the client's options as it takes them."""
    for name, value in (
        ("KAFKA", "a:9093,b:9093"),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
        ("KAFKA_SECURITY_MECHANISM", "SCRAM-SHA-512"),
        ("KAFKA_SECURITY_USERNAME", "u"),
        ("KAFKA_SECURITY_PASSWORD", "p"),
    ):
        monkeypatch.setenv(f"TELEMETRY_{name}", value)

    options = load_settings().kafka_options()

    assert options.pop("ssl_context").check_hostname
    assert options == {
        "bootstrap_servers": "a:9093,b:9093",
        "security_protocol": "SASL_SSL",
        "retry_backoff_ms": 250,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
    }


def test_what_is_left_out_of_raw_are_keys_that_nothing_is_computed_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """TELEMETRY_REDACT_RAW without keys, or with one that facts need, stops with a line that says so."""
    assert load_settings(redact="fullname").keys_out_of_raw == frozenset()
    assert load_settings(redact="fullname,off", redact_raw=True).keys_out_of_raw == {"fullname"}
    for redact, part in (("", "names, which are none"), ("off", "none"), ("email,slug,exit_code", "exit_code, slug")):
        monkeypatch.setenv("TELEMETRY_REDACT", redact)
        with pytest.raises(SettingsError, match=f"TELEMETRY_REDACT_RAW: (it leaves out|facts and scores) .*{part}"):
            load_settings(redact_raw="true")


def test_what_an_option_gave_is_said_of_the_option() -> None:
    """Nobody is told to mend a variable that has nothing wrong."""
    with pytest.raises(SettingsError) as caught:
        load_settings(options={"gateway_url": "--url"}, gateway_url="127.0.0.1:8000")

    assert str(caught.value) == "--url: it must begin with http:// or https:// (got '127.0.0.1:8000'). Correct it."


def test_a_file_of_authorities_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With its setting, whether it is missing or holds something else."""
    (tmp_path / "none").write_text("nothing")
    for name, reason in (("nofile", "there is no such file"), ("none", ".*")):
        own = Settings(_env_file=None, kafka_security_protocol="SSL", kafka_security_cafile=tmp_path / name)
        with pytest.raises(SettingsError, match=f"^TELEMETRY_KAFKA_SECURITY_CAFILE: .*{name} cannot be read: {reason}"):
            own.kafka_options()
