"""Why brokers refuse a connection, and what to do: TLS, credentials and rights.

aiokafka logs what goes wrong while it connects, and raises that it could not. So who could not asks once more here, by
a connection of its own, and looks at what that fails with.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from broker.tls import tls_trouble
from schemas.kafka_security import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["MAY_NOT", "KafkaRefusedError", "advice", "causes", "refusal"]

# What brokers answer to a user who is known and may not do what is asked.
MAY_NOT: Final = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

_SECONDS: Final = 5.0
_CONNECTION: Final = frozenset(
    {"ssl_context", "security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password"}
    | {"sasl_oauth_token_provider"}
)
_PROTOCOL: Final = f"correct {NAMES}PROTOCOL, or the port in TELEMETRY_KAFKA"


class KafkaRefusedError(KafkaConnectionError):  # type: ignore[misc]  # aiokafka tells no types
    """Brokers answer and let nobody in who comes like this: `detail` says what they do, `mend` what to do about it.

    Tried again like any lost connection: a certificate may be renewed meanwhile, or a user made.
    """

    def __init__(self, detail: str, mend: str) -> None:
        """Keep both, which are parts of a sentence."""
        super().__init__(detail, mend)
        self.detail, self.mend = detail, mend

    def __str__(self) -> str:
        """One line without a full stop."""
        return f"Kafka {self.detail}; {self.mend}"


async def refusal(options: Mapping[str, Any]) -> KafkaRefusedError | None:
    """Why brokers refuse who connects with these options; None where one does not, or none answers in time."""
    found = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SECONDS):
            for host, port, _ in collect_hosts(options["bootstrap_servers"]):
                try:
                    await _connect(host, port, options)
                except (KafkaError, OSError, ValueError) as error:
                    found = found or _understood(error, f"{host}:{port}", options)
                else:
                    return None
    return found


async def _connect(host: str, port: int, options: Mapping[str, Any]) -> None:
    """Log in to a broker and ask it something: with TLS 1.3 it refuses a certificate when all seems well."""
    given = {name: value for name, value in options.items() if name in _CONNECTION}
    connection = await create_conn(host, port, **given)
    try:
        await connection.send(MetadataRequest([]))
    finally:
        await connection.close()


def _understood(error: BaseException, address: str, options: Mapping[str, Any]) -> KafkaRefusedError | None:
    for cause in causes(error):
        if told := _of_cause(cause, options):
            detail, mend = told
            return KafkaRefusedError(f"{detail} (at {address})", mend)
    if isinstance(error, KafkaConnectionError):
        # Somebody took the connection, and hung up when he was spoken to.
        return KafkaRefusedError(f"closes connections that are begun so (at {address})", _PROTOCOL)
    return None


def _of_cause(cause: BaseException, options: Mapping[str, Any]) -> tuple[str, str] | None:
    if trouble := tls_trouble(cause, NAMES):
        return trouble.detail, trouble.mend[0].lower() + trouble.mend[1:].rstrip(".")
    if isinstance(cause, UnsupportedSaslMechanismError | IllegalSaslStateError):
        detail = f"does not let anybody log in by {options.get('sasl_mechanism')}"
        return detail, f"set {NAMES}MECHANISM to one that its sasl.enabled.mechanisms has"
    if (provider := options.get("sasl_oauth_token_provider")) is not None:
        return _of_token(cause, str(provider.path))
    if isinstance(cause, SaslAuthenticationFailed):
        detail = f"does not let {options.get('sasl_plain_username')} in with this password"
        return detail, f"correct {NAMES}USERNAME and {NAMES}PASSWORD, or make that user"
    return None


def _of_token(cause: BaseException, path: str) -> tuple[str, str] | None:
    if isinstance(cause, SaslAuthenticationFailed):
        return "does not take the token", f"put one that holds into {path} ({NAMES}TOKENFILE)"
    if isinstance(cause, OSError) and path in str(cause):
        return "waits for a token", f"write one into the file of {NAMES}TOKENFILE ({cause})"
    return None


def advice(error: BaseException | None, part: str) -> str | None:
    """What a part says that ends because brokers do not let it in, or not do what it needs; None for other errors."""
    for cause in causes(error):
        if isinstance(cause, KafkaRefusedError):
            return str(cause)
        if isinstance(cause, MAY_NOT):
            learn = f"learn which right is missing, as the same user: learnpack-telemetry doctor --part {part}"
            return f"Kafka does not let this user do what the {part} needs ({cause}); {learn}"
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came of."""
    cause = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
