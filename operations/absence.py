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

if TYPE_CHECKING:
    from collections.abc import Iterator

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


# Where `up` writes its addresses, unless it is given another directory, and how a terminal takes them over.
_ADDRESSES: Final = Path(".telemetry/env")
_LOAD: Final = f"`set -a; . {_ADDRESSES}; set +a`"


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
    causes = list(_causes(error))
    for kinds, reason in (*_REASONS, (unanswered, "")):
        if any(isinstance(cause, kinds) for cause in causes):
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


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came of."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
