"""A question to the gateway over HTTP, by the standard library: one question is not worth the load of a client."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NO_ANSWER", "Answer", "ask"]

# What a question may raise: nobody listens, in time or at all, or what answers does not speak HTTP.
NO_ANSWER: Final = (OSError, HTTPException)

_GOOD: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, of whatever status."""

    status: int
    body: bytes

    @property
    def good(self) -> bool:
        """Whether the status is one of success."""
        return self.status in _GOOD

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body's value; raises ValueError if it is no JSON."""
        return orjson.loads(self.body)


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        """Follow none: what answers is to be the gateway itself."""


async def ask(url: str, *, timeout_seconds: float, headers: Mapping[str, str] | None = None) -> Answer:
    """The answer to a GET of an http or https address; raises NO_ANSWER."""
    return await asyncio.to_thread(_get, Request(url, headers=dict(headers or {})), timeout_seconds)  # noqa: S310


def _get(request: Request, timeout_seconds: float) -> Answer:
    try:
        with build_opener(_NoRedirects).open(request, timeout=timeout_seconds) as response:
            return Answer(response.status, response.read())
    except HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, refusal.read())
