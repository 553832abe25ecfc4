"""How connections to Kafka are secured: what cannot work is refused at the start, with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from schemas.kafka_security import TokenFile
from schemas.settings import Settings, SettingsError, load_settings
from tests.support.authorities import Authority

if TYPE_CHECKING:
    from pathlib import Path


def given(**security: Any) -> dict[str, Any]:
    """Settings of Kafka's security, by the ends of their names."""
    return {f"kafka_security_{name}": value for name, value in security.items()}


def settings(**security: Any) -> Settings:
    """Settings that have these and no others."""
    return Settings(_env_file=None, **given(**security))


SCRAM = {"protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-512", "username": "u", "password": "p"}


@pytest.mark.parametrize(
    ("security", "names"),
    [
        ({"protocol": "SASL_SSL"}, ["PROTOCOL says SASL_SSL", "set TELEMETRY_KAFKA_SECURITY_MECHANISM"]),
        ({"mechanism": "PLAIN", "username": "u", "password": "p"}, ["PROTOCOL says PLAINTEXT", "set SASL_PLAINTEXT"]),
        (SCRAM | {"protocol": "SSL"}, ["MECHANISM=SCRAM-SHA-512", "set SASL_SSL"]),
        (SCRAM | {"username": None}, ["set TELEMETRY_KAFKA_SECURITY_USERNAME"]),
        (SCRAM | {"password": ""}, ["set TELEMETRY_KAFKA_SECURITY_PASSWORD"]),
        ({"protocol": "SASL_SSL", "mechanism": "OAUTHBEARER"}, ["name its file in TELEMETRY_KAFKA_SECURITY_TOKENFILE"]),
        (SCRAM | {"tokenfile": "token"}, ["TOKENFILE is for TELEMETRY_KAFKA_SECURITY_MECHANISM=OAUTHBEARER"]),
        ({"cafile": "ca.pem"}, ["PROTOCOL says PLAINTEXT", "TELEMETRY_KAFKA_SECURITY_CAFILE is set"]),
        (SCRAM | {"protocol": "SASL_PLAINTEXT", "certfile": "me.pem"}, ["says SASL_PLAINTEXT", "CERTFILE is set"]),
        ({"protocol": "SSL", "keyfile": "me.key"}, ["name that in TELEMETRY_KAFKA_SECURITY_CERTFILE"]),
    ],
)
def test_what_cannot_work_together_stops_the_start(security: dict[str, Any], names: list[str]) -> None:
    """The one line names the settings and what to set; no secret is in it."""
    with pytest.raises(SettingsError) as caught:
        load_settings(**given(**security))

    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert [part for part in names if part not in text] == []


def test_a_client_shows_its_certificate(tmp_path: Path) -> None:
    """Key and certificate may be in one file or in two; what is wrong with a file is said of its setting."""
    authority = Authority(tmp_path)
    whole, other = authority.issue("worker"), authority.issue("sink")
    text = whole.read_text()
    begin = text.index("-----BEGIN CERTIFICATE")
    (tmp_path / "key").write_text(text[:begin])
    (tmp_path / "certificate").write_text(text[begin:])
    one = {"protocol": "SSL", "cafile": authority.certificate}
    two = one | {"certfile": tmp_path / "certificate"}

    assert settings(**one, certfile=whole).kafka_options()["ssl_context"].check_hostname
    assert settings(**two, keyfile=tmp_path / "key").kafka_options()["security_protocol"] == "SSL"
    for wrong, reason in (
        (one | {"certfile": tmp_path / "none"}, "CERTFILE: .*none cannot be read: there is no such file. Name a PEM"),
        (two | {"keyfile": tmp_path / "none"}, "KEYFILE: .*none cannot be read: there is no such file"),
        (two | {"keyfile": other}, "KEYFILE: .* its key is not the certificate's"),
        (two, "CERTFILE: .*certificate cannot be read: it does not hold certificate and key"),
        (two | {"keyfile": authority.certificate}, "KEYFILE: .* does not hold the key of .*CERTFILE"),
    ):
        with pytest.raises(SettingsError, match=reason):
            settings(**wrong).kafka_options()


async def test_a_token_is_read_anew_at_each_login(tmp_path: Path) -> None:
    """Whoever renews it writes the file; one that is not there, or holds nothing, is a broker that is away."""
    file = tmp_path / "token"
    provider = settings(protocol="SASL_SSL", mechanism="OAUTHBEARER", tokenfile=file).kafka_options()[
        "sasl_oauth_token_provider"
    ]
    assert isinstance(provider, TokenFile)
    with pytest.raises(FileNotFoundError):
        await provider.token()
    for text in ("first\n", " second "):
        file.write_text(text)
        assert await provider.token() == text.strip()
    for content in (b"\n", b"\xff"):
        file.write_bytes(content)
        with pytest.raises(OSError, match=str(file)):
            await provider.token()
