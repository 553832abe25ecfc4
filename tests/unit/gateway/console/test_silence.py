"""Pages while nobody says who looks at them."""

from __future__ import annotations

import asyncio
import functools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import httpx

from gateway.access import starting
from gateway.console.app import console_app
from gateway.console.visitor import SESSION_COOKIE
from gateway.in_time import in_time

if TYPE_CHECKING:
    import pytest

    from gateway.console.session import Seal

PATHS: Final = ("/console/", "/console/stuck", "/console/live", "/console/operations", "/console/webhooks/40")


async def asked(sealing: Any) -> list[httpx.Response]:
    """What a browser with a session is answered at each of PATHS."""
    console: Any = SimpleNamespace(sealing=sealing)
    transport = httpx.ASGITransport(console_app(console))
    async with (
        asyncio.timeout(60),
        httpx.AsyncClient(base_url="http://gateway", transport=transport, cookies={SESSION_COOKIE: "a.b"}) as browser,
    ):
        return [await browser.get(path) for path in PATHS]


async def test_a_page_says_what_is_wrong_after_one_wait() -> None:
    """Who it is for is not asked for once more, which would take as long again."""
    waited = [0]

    async def sealing() -> Seal:
        waited[0] += 1
        raise starting()

    for answer in await asked(sealing):
        assert answer.status_code == 503
        assert "Kafka does not answer" in answer.text
        assert "doctor" in answer.text
    assert waited == [len(PATHS)]


async def test_its_time_begins_before_it_is_known_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a page waits for counts."""
    monkeypatch.setattr("gateway.console.routes.in_time", functools.partial(in_time, seconds=0.01))
    waited = [0]

    async def sealing() -> Seal:
        waited[0] += 1
        if waited[0] % 2:
            await asyncio.Event().wait()
        raise starting()

    assert {answer.status_code for answer in await asked(sealing)} == {503}
