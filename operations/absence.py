"""What is said of a server that does not answer: where it was looked for, and what to do."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.error import URLError
from urllib.parse import urlsplit

from aiokafka.errors import KafkaConnectionError

from broker.refusals import MAY_NOT, KafkaRefusedError, causes
from broker.tls import tls_trouble
from schemas.settings import PREFIX

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["Absence", "absence", "address_of"]

# The first that fits; an empty one says it all: nobody listens there.
_REASONS: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...]] = (
    (ssl.SSLError, " in TLS as it is set up"),
    (socket.gaierror, ", for its name is not known"),
    ((ConnectionError, KafkaConnectionError), ""),
    (TimeoutError, " in time"),
    ((HTTPException, URLError), ""),
)


# How the names of the settings begin that are about certificates.
_TLS_PREFIXES: Final = {f"{PREFIX}CLICKHOUSE": f"{PREFIX}CLICKHOUSE_", f"{PREFIX}KAFKA": f"{PREFIX}KAFKA_SECURITY_"}
# Where `up` writes its addresses, unless it is given another directory, and how a terminal takes them over.
_ADDRESSES: Final = Path(".telemetry/env")
_LOAD: Final = f"`set -a; . {_ADDRESSES}; set +a`"


_RIGHTS: Final = "learn which right is missing, with these settings: `learnpack-telemetry doctor --part PART`"


class Absence(NamedTuple):
    """A server that does not answer, and what to do; as text one line without a full stop."""

    detail: str
    mend: str

    def __str__(self) -> str:
        return f"{self.detail}; {self.mend}"


def absence(
    error: BaseException, address: str, source: str, *, unanswered: tuple[type[BaseException], ...] = ()
) -> Absence | None:
    """What to say where `error` is that nothing answers at `address`, None where a server has answered.

    `source` names the setting or option that the address is from, `unanswered` the errors by which a client of the
    caller's says, whatever they come of, that there was no answer.
    """
    came_of = list(causes(error))
    for cause in came_of:
        if isinstance(cause, KafkaRefusedError):
            return Absence(cause.detail, cause.mend)
        if isinstance(cause, MAY_NOT):
            return Absence(f"does not let this user do that ({cause})", _RIGHTS)
    if trouble := tls_trouble(error, _TLS_PREFIXES.get(source, f"{PREFIX}…")):
        mend = trouble.mend.rstrip(".")
        return Absence(f"cannot be trusted at {address}: it {trouble.detail}", mend[0].lower() + mend[1:])
    for kinds, reason in (*_REASONS, (unanswered, "")):
        if any(isinstance(cause, kinds) for cause in came_of):
            return Absence(
                f"does not answer at {address}{reason}",
                f"{_unread(address)}start it (`learnpack-telemetry up`) or correct {source}",
            )
    return None


def _unread(address: str) -> str:
    """What to do first where `up` has written addresses here, and others are used."""
    try:
        written = _ADDRESSES.read_text(encoding="utf-8")
    except OSError:
        return ""
    return "" if address in written else f"if `up` runs here, load its addresses ({_LOAD}); else "


def address_of(url: SecretStr) -> str:
    """The HOST:PORT of an address that may hold a password."""
    return urlsplit(url.get_secret_value()).netloc.rpartition("@")[2]
