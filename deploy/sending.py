"""Posts webhooks to a gateway as LearnPack would."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["INGEST_PATH", "send_webhooks"]

INGEST_PATH: Final = "/v1/assignment/me/telemetry"
_TIMEOUT_SECONDS: Final = 30.0


async def send_webhooks(
    bodies: Iterable[bytes], url: str, token: str, *, rate: float | None = None, sent: Callable[[], None] = lambda: None
) -> Counter[str]:
    """Post each body in order; how many got which answer, such as `200 ok`.

    `rate` bounds the posts per second, `sent` is called after each. Raises httpx.HTTPError if the gateway does not
    answer.
    """
    answers: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    start = loop.time()
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        for number, body in enumerate(bodies):
            if rate is not None:
                await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
            response = await client.post(INGEST_PATH, content=body)
            answers[f"{response.status_code} {response.text.strip()[:120]}"] += 1
            sent()
    return answers
