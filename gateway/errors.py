"""What the gateway refuses, and how it says so.

GatewayError
 ├─ ApiError          an answer with a status, a slug and a text
 ├─ ClientGoneError   the caller hung up; there is nobody to answer
 ├─ KafkaUnavailableError  no broker has acknowledged a record
 ├─ RecordRefusedError     Kafka answers, and will never take this record
 ├─ SpoolError        the spool cannot take a record or cannot be opened
 └─ UnavailableError  neither Kafka nor the spool can take a webhook
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from gateway.language import preferred_language, translate
from gateway.messages import MESSAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.vocabulary import Language

__all__ = [
    "ApiError",
    "ClientGoneError",
    "GatewayError",
    "KafkaUnavailableError",
    "RecordRefusedError",
    "SpoolError",
    "UnavailableError",
]

_STATUSES: Final = {slug: message.status for slug, message in MESSAGES.items()}


class GatewayError(Exception):
    """Base of everything that the gateway raises on purpose."""


class ApiError(GatewayError):
    """A request that is refused with the status and the text of a slug; `headers` go out with the answer.

    `slug.what` has the text of that variant, and is the same slug to callers.
    """

    def __init__(self, slug: str, headers: Mapping[str, str] | None = None, /, **values: object) -> None:
        super().__init__(slug)
        self.slug = slug.partition(".")[0]
        self.status = _STATUSES[slug]
        self._text = slug
        self.headers = dict(headers or {})
        self.values = values

    def body(self, accept_language: str | None) -> bytes:
        """The answer's JSON, `{"detail", "slug", "status_code"}`, in the caller's language."""
        text = self.text(preferred_language(accept_language))
        return orjson.dumps({"detail": text, "slug": self.slug, "status_code": self.status})

    def text(self, language: Language) -> str:
        """What is said to a person."""
        return translate(self._text, language, **self.values)


class ClientGoneError(GatewayError):
    """The caller closed the connection before its request was whole."""


class KafkaUnavailableError(GatewayError):
    """No broker has acknowledged a record, so it may or may not be in the log; the text says why."""


class RecordRefusedError(GatewayError):
    """Kafka answers and will never take this record, while it takes others; the text says what to do."""


class SpoolError(GatewayError):
    """The spool's directory cannot be used, or the spool is full; the text says what to do."""


class UnavailableError(GatewayError):
    """Neither Kafka nor the spool can take a webhook now; the text says why the spool could not."""
