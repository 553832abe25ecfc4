"""Logging in to Kafka by a token (OAUTHBEARER), as aiokafka does, but noticing that the broker does not take it.

A broker that refuses a token answers with the reason, as if all was well, and waits for an acknowledgement
(RFC 7628, section 3.2.3). aiokafka takes that for success: its connection answers nothing sensible from then on, and
nobody is told why.
"""

from __future__ import annotations

from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator
from aiokafka.errors import SaslAuthenticationFailed

from schemas.kafka_security import TokenFile

__all__ = ["notice_refused_tokens"]


class _Authenticator(OAuthAuthenticator):  # type: ignore[misc]  # aiokafka tells no types
    """Sends the token, and raises SaslAuthenticationFailed where the answer has a reason in it."""

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        if payload:
            raise SaslAuthenticationFailed(payload.decode("utf-8", "replace"))
        told: tuple[bytes, bool] | None = await super().step(payload)
        return told


def _authenticator(connection: Any) -> _Authenticator:
    provider = connection._sasl_oauth_token_provider  # noqa: SLF001 - as aiokafka makes its own
    return _Authenticator(sasl_oauth_token_provider=provider)


def notice_refused_tokens() -> None:
    """Let every connection of this process log in so, with the tokens that settings name."""
    # Settings, which know nothing of aiokafka, make them.
    AbstractTokenProvider.register(TokenFile)
    # A connection makes its authenticator itself, and clients their connections.
    AIOKafkaConnection.authenticator_oauth = _authenticator
