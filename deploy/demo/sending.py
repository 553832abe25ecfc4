"""Posts webhooks to a gateway as LearnPack would, but waits where LearnPack would not."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

__all__ = ["INGEST_PATH", "send_webhooks"]

INGEST_PATH: Final = "/v1/assignment/me/telemetry"
_TIMEOUT_SECONDS: Final = 30.0

# Too much at once, and a gateway that is starting or can store nothing now: all of them pass.
_PASSING: Final = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})
_WAIT_SECONDS: Final = 5.0
_LONGEST_WAIT: Final = 60.0

# Of one webhook; then it counts as refused, for what does not pass in this time wants somebody to look at it.
_PATIENCE_SECONDS: Final = 600.0

# Of an answer that is not the gateway's own, such as a proxy's page.
_MOST_TEXT: Final = 120


def _nobody_sees(_seconds: float, _status: int) -> None:
    pass


async def send_webhooks(
    bodies: Iterable[bytes],
    url: str,
    token: str,
    *,
    rate: float | None = None,
    sent: Callable[[], None] = lambda: None,
    waiting: Callable[[float, int], None] = _nobody_sees,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Counter[str]:
    """Post each body in order; how many got which answer, such as `200 ok`.

    `rate` bounds the posts per second, `sent` is called after each. Where the gateway asks to wait (429, 503),
    `waiting` is called with the seconds and the status, and the body is posted again, for ten minutes at most. Raises
    httpx.HTTPError if the gateway does not answer.
    """
    answers: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    start = loop.time()
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        for number, body in enumerate(bodies):
            if rate is not None:
                await sleep(max(0.0, start + number / rate - loop.time()))
            waited = 0.0
            response = await client.post(INGEST_PATH, content=body)
            while response.status_code in _PASSING and waited < _PATIENCE_SECONDS:
                seconds = _asked_for(response)
                waiting(seconds, response.status_code)
                await sleep(seconds)
                waited += max(seconds, 1.0)
                response = await client.post(INGEST_PATH, content=body)
            answers[f"{response.status_code} {_told(response)}"] += 1
            sent()
    return answers


def _told(response: httpx.Response) -> str:
    """What an answer says to a person: its `detail` whole, which ends in what to do, or the beginning of its text."""
    try:
        detail = response.json()["detail"]
    except (ValueError, LookupError, TypeError):
        detail = None
    if isinstance(detail, str):
        return " ".join(detail.split())
    text = response.text.strip()
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"


def _asked_for(response: httpx.Response) -> float:
    """The seconds that an answer asks to wait."""
    named = response.headers.get("retry-after", "")
    return min(float(named), _LONGEST_WAIT) if named.isascii() and named.isdigit() else _WAIT_SECONDS
