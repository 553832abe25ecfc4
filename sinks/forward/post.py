"""Posting one message: signed, to one address, with a time for all of it and little read of the answer."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import ssl
import time
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final

import httpx

from broker.tls import tls_trouble
from schemas.errors import text_of
from schemas.forward_settings import signing_keys
from schemas.settings import PREFIX
from sinks.errors import ConfigurationError
from sinks.forward.policy import Answer
from sinks.forward.signing import signed_headers

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.wire.forwarding import Message

__all__ = ["READ_SECONDS", "Poster"]

# Of an answer so much is read: what it says is of use to a person who looks into a dead letter.
_READ_BYTES: Final = 4 << 10
_SHOWN: Final = 200
# And for so long: with the status it is known already what came of the post.
READ_SECONDS: Final = 1.0
_AGENT: Final = "learnpack-telemetry"


class Poster:
    """The connections to one receiver; follows no redirect, uses no proxy, and trusts whom the settings say."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing is connected. Raises ConfigurationError where address, secret or certificates will not do.

        To be used in one event loop.
        """
        if settings.forward_url is None or settings.forward_secret is None:
            name, what = ("URL", "--url") if settings.forward_url is None else ("SECRET", "`forward secret` makes one")
            message = f"there is nothing to forward with: set {PREFIX}FORWARD_{name} ({what})."
            raise ConfigurationError(message)
        self._url = _address(settings.forward_url.get_secret_value())
        self._keys = signing_keys(settings.forward_secret)
        self._seconds = settings.forward_timeout
        self._client = httpx.AsyncClient(
            verify=_trusted(settings),
            trust_env=False,
            follow_redirects=False,
            timeout=self._seconds,
            # What a receiver would have us keep grows without end, and goes back to it with each post.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_connections=settings.forward_parallel),
            # Nothing is unpacked: an answer of a few bytes could be one of gigabytes.
            headers={"content-type": "application/json", "user-agent": _AGENT, "accept-encoding": "identity"},
        )

    async def post(self, message: Message) -> Answer:
        """What came of one try, whatever it is; takes READ_SECONDS longer than the settings allow, at most."""
        headers = signed_headers(message.id, message.body, self._keys, int(time.time()))
        try:
            async with asyncio.timeout(self._seconds):
                request = self._client.build_request("POST", self._url, content=message.body, headers=headers)
                response = await self._client.send(request, stream=True)
        except TimeoutError:
            return Answer(None, f"no answer within {self._seconds} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            trouble = tls_trouble(error, f"{PREFIX}FORWARD_")
            return Answer(None, f"it {trouble.detail}" if trouble else _one_line(text_of(error)))
        text = _one_line((await _beginning(response)).decode("utf-8", "replace"))
        reason = f"HTTP {response.status_code}" + (f": {text}" if text else "")
        return Answer(response.status_code, reason, _seconds(response.headers.get("retry-after")))

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()


def _address(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        # Its text may quote the address, which is a secret.
        message = f"{PREFIX}FORWARD_URL (--url) is no address that anything can be sent to. Correct it."
        raise ConfigurationError(message) from error


def _trusted(settings: Settings) -> Any:
    try:
        return ssl.create_default_context(cafile=settings.forward_cafile)
    except (OSError, ssl.SSLError) as error:
        message = f"{PREFIX}FORWARD_CAFILE: {settings.forward_cafile} cannot be used: {error}. Name a PEM file."
        raise ConfigurationError(message) from error


async def _beginning(response: httpx.Response) -> bytes:
    """The beginning of what a receiver says, or less of it; whoever says more, or does not end, is hung up on."""
    said = bytearray()
    with contextlib.suppress(httpx.HTTPError, OSError):
        try:
            async with asyncio.timeout(READ_SECONDS):
                # By the pieces that come: what is gathered up to a size is lost when the rest does not come.
                async for piece in response.aiter_raw():
                    said += piece
                    if len(said) >= _READ_BYTES:
                        break
        finally:
            await response.aclose()
    return bytes(said[:_READ_BYTES])


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text[:_SHOWN]).strip()


def _seconds(wish: str | None) -> float | None:
    """The seconds of a Retry-After, which has a number or a date; None for anything else."""
    if wish is None:
        return None
    if wish.isascii() and wish.isdigit():
        # However many digits: the policy has its most.
        return float(wish)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(wish).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
