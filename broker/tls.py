"""What is wrong with a connection over TLS, in words that say what to do."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TlsTrouble", "tls_trouble"]

# X509_V_ERR_... of OpenSSL's x509_vfy.h.
_NOT_YET: Final = 9
_EXPIRED: Final = 10
_WRONG_NAME: Final = frozenset({62, 64})
# What a server says of the certificate that it was shown, or misses, and what OpenSSL calls it (SSL_R_TLSV1_ALERT_...).
_REFUSED: Final = (
    *("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_EXPIRED", "HANDSHAKE_FAILURE"),
    # What Java says of one that has expired, or is of an authority that it does not know.
    "CERTIFICATE_UNKNOWN",
)
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")


class TlsTrouble(NamedTuple):
    """What is wrong, as the rest of a sentence that begins with "it", and what mends it, as a sentence.

    `lasting` is whether it stays so until somebody does that.
    """

    detail: str
    mend: str
    lasting: bool = True


def tls_trouble(error: BaseException, prefix: str) -> TlsTrouble | None:
    """What TLS has to say about an error, or None where that is not why; `prefix` begins the settings' names.

    `TELEMETRY_CLICKHOUSE_` has `…CAFILE`, `…CERTFILE` and `…KEYFILE`.
    """
    causes = [cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)]
    if not causes:
        return None
    # aiohttp wraps it in one of its own that is of the same kind.
    found = causes[-1]
    if isinstance(found, ssl.SSLCertVerificationError):
        return _unverified(found, prefix)
    if isinstance(found, ssl.SSLEOFError):
        # Nor do all servers say so that miss a certificate.
        return TlsTrouble(
            "ends the connection while TLS begins",
            f"If it wants certificates of clients, name one in {prefix}CERTFILE; its log says more.",
            lasting=False,
        )
    reason = found.reason or ""
    if any(part in reason for part in _REFUSED):
        named = reason.lower().replace("_", " ")
        return TlsTrouble(
            f"refuses the certificate that it is shown, or wants one ({named})",
            f"Name one that it trusts, and that has not expired, in {prefix}CERTFILE, and its key in {prefix}KEYFILE.",
        )
    if any(part in reason for part in _NO_TLS):
        return TlsTrouble("does not speak TLS on that port", "Correct the port, or connect without TLS.")
    return None


def _unverified(error: ssl.SSLCertVerificationError, prefix: str) -> TlsTrouble:
    if error.verify_code == _EXPIRED:
        return TlsTrouble("shows a certificate that has expired", "Renew it on the server, or correct this clock.")
    if error.verify_code == _NOT_YET:
        return TlsTrouble(
            "shows a certificate that is not valid yet", "Correct this machine's clock, or the certificate."
        )
    if error.verify_code in _WRONG_NAME:
        return TlsTrouble(
            "shows a certificate for other names", "Connect by a name that it has, or let the server have one for this."
        )
    return TlsTrouble(
        f"shows a certificate that no trusted authority has signed ({error.verify_message})",
        f"Name the file of the authority that has in {prefix}CAFILE.",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it came of; urllib3 keeps some of it in `reason` and in its arguments."""
    waiting = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]
