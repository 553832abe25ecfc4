"""What is said of certificates, of errors as OpenSSL makes them."""

from __future__ import annotations

import contextlib
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from broker.tls import tls_trouble
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from deploy.local.clickhouse import Certificates

NAME = "clickhouse.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs what is trusted."""
    return Authority(tmp_path_factory.mktemp("trusted") / "files")


def client_error(client: ssl.SSLContext, files: Certificates, name: str = NAME) -> ssl.SSLError:
    """What a client has from a server with these certificates, both speaking TLS in memory."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.clients or None)
    server.load_cert_chain(files.certificate, files.key)
    server.verify_mode = ssl.CERT_REQUIRED if files.clients else ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(to_client, to_server, server_hostname=name)
    answers = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        try:
            asks.do_handshake()
            asks.read(1)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            return error
        with contextlib.suppress(ssl.SSLError):
            answers.do_handshake()
    raise AssertionError


def trusting(authority: Authority | None) -> ssl.SSLContext:
    """A client's side."""
    return ssl.create_default_context(cafile=str(authority.cafile) if authority else None)


def told(error: ssl.SSLError) -> str:
    """What is said of an error that others have wrapped."""
    wrapped = OSError("the driver's own words", error)
    wrapped.__cause__ = ValueError("of another kind")
    trouble = tls_trouble(wrapped, "TELEMETRY_X_")
    assert trouble is not None
    assert trouble.lasting
    return f"it {trouble.detail}. {trouble.mend}"


def test_an_unknown_authority_is_told(authority: Authority) -> None:
    """With the setting that names the one to trust."""
    said = told(client_error(trusting(None), authority.server(NAME)))

    assert said.startswith("it shows a certificate that no trusted authority has signed (")
    assert said.endswith("Name the file of the authority that has in TELEMETRY_X_CAFILE.")


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ({"not_after": -1}, "it shows a certificate that has expired. Renew it on the server, or correct this clock."),
        (
            {"not_before": 1},
            "it shows a certificate that is not valid yet. Correct this machine's clock, or the certificate.",
        ),
    ],
)
def test_a_certificate_of_another_time_is_told(authority: Authority, dates: dict[str, int], said: str) -> None:
    """Whose it is to renew, and that the clock may be wrong."""
    now = datetime.now(UTC)
    valid: dict[str, Any] = {name: now + timedelta(days=days) for name, days in dates.items()}

    assert told(client_error(trusting(authority), authority.server(NAME, **valid))) == said


def test_a_certificate_of_another_name_is_told(authority: Authority) -> None:
    """The authority is trusted, but it has signed for somebody else."""
    said = told(client_error(trusting(authority), authority.server(NAME), "other.example"))

    assert said.startswith("it shows a certificate for other names.")


def test_a_certificate_that_is_wanted_is_told(authority: Authority) -> None:
    """A server that wants one says so, and the settings are named."""
    files = authority.server(NAME, clients=authority.cafile)
    said = told(client_error(trusting(authority), files))

    assert said == (
        "it refuses the certificate that it is shown, or wants one (tlsv13 alert certificate required). "
        "Name one that it trusts, and that has not expired, in TELEMETRY_X_CERTFILE, and its key in "
        "TELEMETRY_X_KEYFILE."
    )


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), ValueError("TLS")])
def test_other_errors_are_none_of_tls(error: Exception) -> None:
    """Nothing is said of certificates where they are not why."""
    assert tls_trouble(error, "TELEMETRY_X_") is None
