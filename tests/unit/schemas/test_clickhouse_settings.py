"""Where servers are, as settings say it, and what of ClickHouse's settings cannot work together."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.settings import Settings, SettingsError, load_settings


def settings(**given: Any) -> Settings:
    """Settings that come from nowhere else."""
    return load_settings(_env_file=None, **given)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("nothing"))


def test_several_servers_stand_in_one_url() -> None:
    """Each has the login, the scheme and the options of the whole, in the order given."""
    url = "https://own%40er:p%2Cw@one:8443, two,[::1]:9440/?compress=lz4"

    assert settings(clickhouse=url).clickhouse_servers == (
        "https://own%40er:p%2Cw@one:8443/?compress=lz4",
        "https://own%40er:p%2Cw@two/?compress=lz4",
        "https://own%40er:p%2Cw@[::1]:9440/?compress=lz4",
    )


@pytest.mark.parametrize(
    "servers",
    [
        "",
        "one,",
        "one:x",
        "one:0",
        "one:99999",
        ":8123",
        "one:8123,[::1",
        "one two:8123",
        # Each of these would hide a server.
        "one:8123,http://two:8123",
        "one:8123,u:secret@two:8123",
        "one:8123/,two:8123",
        "one:8123/here,two:8123/there",
    ],
)
def test_a_server_without_a_host_or_with_a_bad_port_is_refused(servers: str) -> None:
    """The text says what each must be, and shows no password."""
    with pytest.raises(
        SettingsError, match="TELEMETRY_CLICKHOUSE: each server in it must be HOST or HOST:PORT"
    ) as error:
        settings(clickhouse=f"http://u:secret@{servers}")

    assert "secret" not in str(error.value)


def test_a_key_needs_its_certificate() -> None:
    """A key alone would be shown to nobody."""
    with pytest.raises(
        SettingsError, match="TELEMETRY_CLICKHOUSE_KEYFILE: it is the key of TELEMETRY_CLICKHOUSE_CERTFILE"
    ):
        settings(clickhouse_keyfile="key.pem")


@pytest.mark.parametrize("name", ["cafile", "certfile"])
def test_certificates_need_https(name: str) -> None:
    """Else the password would be sent as it is, by somebody who believes that it is not."""
    with pytest.raises(SettingsError, match=rf"TELEMETRY_CLICKHOUSE_{name.upper()}: .* write https:// there"):
        settings(clickhouse="http://u:p@h:8123", **{f"clickhouse_{name}": "file.pem"})
    assert settings(clickhouse="https://u:p@h:8443", **{f"clickhouse_{name}": "file.pem"}).clickhouse_servers


@pytest.mark.parametrize(
    "servers", ["http://a:9092", "SASL_SSL://a:9092", "a:9092;b:9092", "a:0", "::1:9092", "a:9092,"]
)
def test_kafkas_servers_are_hosts_and_ports(servers: str) -> None:
    """A client would ask for such names in vain, for as long as it runs."""
    with pytest.raises(SettingsError, match=r"^TELEMETRY_KAFKA: .* is not HOST:PORT"):
        settings(kafka=servers)
    assert settings(kafka="a_b.c:9092, [::1]:9093").kafka


@pytest.mark.parametrize("quorum", ["0", "1", "one", "100", "AUTO"])
def test_a_quorum_is_two_or_more(quorum: str) -> None:
    """Below two there is nothing to wait for, which `off` says."""
    with pytest.raises(SettingsError, match="TELEMETRY_CLICKHOUSE_INSERT_QUORUM"):
        settings(clickhouse_insert_quorum=quorum)


def test_sequential_reads_need_a_quorum() -> None:
    """Without one, ClickHouse has nothing to compare a replica with."""
    with pytest.raises(SettingsError, match="set TELEMETRY_CLICKHOUSE_INSERT_QUORUM"):
        settings(clickhouse_sequential_reads=True)

    assert settings(clickhouse_sequential_reads=True, clickhouse_insert_quorum="auto").clickhouse_sequential_reads
