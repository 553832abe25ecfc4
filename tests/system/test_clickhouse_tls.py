"""ClickHouse over TLS: who is trusted, who is let in, and what is said where that fails."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from broker.clickhouse import connect
from deploy.local.clickhouse import ClickHouseServer
from gateway.reading.store import ClickHouse, ReadError
from operations.absence import absence
from operations.table_setup import setup_tables
from schemas.settings import Settings, SettingsError
from sinks.clickhouse import connect as connect_sink
from sinks.errors import ConfigurationError
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.local.clickhouse import Certificates

pytestmark = pytest.mark.system


@contextlib.contextmanager
def serving(directory: Path, tls: Certificates) -> Iterator[str]:
    """The URL of a server with these certificates."""
    with ClickHouseServer(directory, user="t", password="p@ss/word", tls=tls) as server:
        yield server.url


def settings(url: str, **files: Path) -> Settings:
    """Settings of a server, with the files of `clickhouse_…file`."""
    given: dict[str, Any] = {f"clickhouse_{name}": file for name, file in files.items()}
    return Settings(_env_file=None, clickhouse=SecretStr(url), **given)


def refusal(given: Settings) -> str:
    """What a sink, a gateway and commands say, of which each has the same words."""
    with pytest.raises(ConfigurationError) as of_sink:
        connect_sink(given)
    with pytest.raises(ClickHouseError) as of_command:
        connect(given, connect_seconds=30, answer_seconds=30)
    away = absence(of_command.value, "there", "TELEMETRY_CLICKHOUSE")
    assert away is not None
    told = str(of_sink.value).removeprefix("TELEMETRY_CLICKHOUSE: it ").rstrip(".")
    assert away.detail.removeprefix("cannot be trusted at there: it ") in told
    assert away.mend.lower() in told.lower()
    return told


async def read(given: Settings) -> Any:
    """What a gateway reads."""
    reader = ClickHouse(given)
    reader.database = "default"
    try:
        return await reader.rows("SELECT 1 AS a")
    finally:
        await reader.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs what is trusted."""
    return Authority(tmp_path_factory.mktemp("trusted") / "files")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs what is not."""
    return Authority(tmp_path_factory.mktemp("other") / "files")


async def test_all_who_connect_trust_the_authority_that_is_named(
    tmp_path: Path, authority: Authority, other: Authority
) -> None:
    """With its file tables are made and read; with another one, or none, each says which setting to correct."""
    with serving(tmp_path / "data", authority.server("127.0.0.1")) as url:
        setup_tables(settings(url, cafile=authority.cafile))
        assert await read(settings(url, cafile=authority.cafile)) == [{"a": 1}]

        for files in ({"cafile": other.cafile}, {}):
            told = refusal(settings(url, **files))
            assert told.startswith("shows a certificate that no trusted authority has signed (")
            assert told.endswith("Name the file of the authority that has in TELEMETRY_CLICKHOUSE_CAFILE")
            with pytest.raises(ReadError, match="TELEMETRY_CLICKHOUSE_CAFILE"):
                await read(settings(url, **files))


def test_an_expired_certificate_is_told(tmp_path: Path, authority: Authority) -> None:
    """It is the server's to renew, whatever the settings are."""
    passed = datetime.now(UTC) - timedelta(days=1)
    with serving(tmp_path / "data", authority.server("127.0.0.1", not_after=passed)) as url:
        assert refusal(settings(url, cafile=authority.cafile)) == (
            "shows a certificate that has expired. Renew it on the server, or correct this clock"
        )


def test_a_certificate_of_somebody_else_is_told(tmp_path: Path, authority: Authority) -> None:
    """A name that is not in the certificate is refused, though the authority is trusted."""
    with serving(tmp_path / "data", authority.server("clickhouse.example")) as url:
        assert refusal(settings(url, cafile=authority.cafile)).startswith("shows a certificate for other names")


def test_a_port_without_tls_is_told(local_clickhouse: ClickHouseServer, authority: Authority) -> None:
    """To speak TLS to a port of plain HTTP is told as that."""
    url = local_clickhouse.url.replace("http://", "https://")

    assert refusal(settings(url, cafile=authority.cafile)).startswith("does not speak TLS on that port")


async def test_a_client_shows_its_certificate(tmp_path: Path, authority: Authority, other: Authority) -> None:
    """A server that wants one lets in who has it, with the password as ever, and nobody else."""
    certificate, key = authority.signed("client", "sink@example.org")
    stranger, its_key = other.signed("client", "sink@example.org")
    with serving(tmp_path / "data", authority.server("127.0.0.1", clients=authority.cafile)) as url:
        own = settings(url, cafile=authority.cafile, certfile=certificate, keyfile=key)
        with contextlib.closing(connect_sink(own)) as client:
            assert client.command("SELECT 1") == 1
        assert await read(own) == [{"a": 1}]

        for files in ({}, {"certfile": stranger, "keyfile": its_key}):
            # This server ends such connections, often without a word, which may be anything to a sink: it tries again.
            with pytest.raises(ClickHouseError):
                connect_sink(settings(url, cafile=authority.cafile, **files))
            with pytest.raises(ReadError):
                await read(settings(url, cafile=authority.cafile, **files))


@pytest.mark.parametrize("name", ["cafile", "certfile"])
def test_a_file_that_is_none_stops_the_start(tmp_path: Path, name: str) -> None:
    """Before anything is asked for, with the setting's name."""
    given = settings("https://t:p@127.0.0.1:1", **{name: tmp_path / "none.pem"})

    with pytest.raises(
        SettingsError, match=rf"TELEMETRY_CLICKHOUSE_{name.upper()}: .*there is no such file. Name a PEM"
    ):
        connect(given, connect_seconds=1, answer_seconds=1)


def test_nobody_is_asked_for_the_password_of_a_key(tmp_path: Path, authority: Authority) -> None:
    """A part has no terminal to ask at."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"a password"),
        )
    )
    certificate, _key = authority.signed("client", "sink@example.org")
    given = settings("https://t:p@127.0.0.1:1", certfile=certificate, keyfile=locked)

    with pytest.raises(SettingsError, match=r"TELEMETRY_CLICKHOUSE_CERTFILE: .* or the key has a password"):
        connect(given, connect_seconds=1, answer_seconds=1)
