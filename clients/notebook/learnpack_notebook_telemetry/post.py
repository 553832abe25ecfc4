"""One call to the gateway: a batch of events over HTTP, and what its answer means."""

from __future__ import annotations

import gzip
import json
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timezone
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit

from learnpack_notebook_telemetry.events import batch_body
from learnpack_notebook_telemetry.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Answer", "Gateway", "is_address"]

_ATTEMPT_SECONDS = 10
_MAX_ANSWER_BYTES = 65_536
# The request itself is wrong: it would be refused again.
_REFUSED = frozenset({400, 401, 403, 404, 405, 413, 415, 422})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: whether the events are with the gateway, if not whether to try again, and why."""

    accepted: bool
    again: bool
    error: str = ""


_ACCEPTED: Final = Answer(accepted=True, again=False)


def is_address(host: str) -> bool:
    """Whether this is an `http://` or `https://` address of a server."""
    try:
        parts = urlsplit(host)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Lets a redirect be an error: following it would send a GET without the events, to who knows where."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


class Gateway:
    """Where events go: `host` is an address as `is_address` wants it, `api_key` the course's key."""

    def __init__(self, host: str, api_key: str) -> None:
        self._url = f"{host.rstrip('/')}/batch/"
        self._api_key = api_key
        self._opener = urllib.request.build_opener(_NoRedirect())

    def post(self, events: Sequence[bytes]) -> Answer:
        """Send encoded events in one call; takes some ten seconds at most where nobody answers, and never raises."""
        body = gzip.compress(batch_body(self._api_key, events, datetime.now(timezone.utc)))
        headers = {
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "User-Agent": f"learnpack-notebook-telemetry/{__version__}",
        }
        try:
            request = urllib.request.Request(self._url, body, headers)  # noqa: S310 - setup has checked the address
            with self._opener.open(request, timeout=_ATTEMPT_SECONDS) as response:
                return _judge(response.read(_MAX_ANSWER_BYTES))
        except HTTPError as error:
            with error:
                return Answer(accepted=False, again=error.code not in _REFUSED, error=f"HTTP {error.code}")
        except (OSError, HTTPException, ValueError) as error:
            return Answer(accepted=False, again=True, error=str(error) or type(error).__name__)


def _judge(answer: bytes) -> Answer:
    """A success counts only in the gateway's words: the log-in page of a public network answers 200 to everything."""
    try:
        if json.loads(answer).get("status") in (1, "Ok"):
            return _ACCEPTED
    except (AttributeError, ValueError):
        pass
    return Answer(accepted=False, again=True, error="something else than the gateway answers there")
