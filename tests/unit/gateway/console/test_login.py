"""A link logs in once, and is not used up before it does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from starlette.applications import Starlette

from gateway.access import starting
from gateway.console.login import ROUTES
from gateway.console.once import offer_link, with_link
from gateway.console.session import Seal
from gateway.errors import ApiError
from schemas.reference.directory import Token

if TYPE_CHECKING:
    from pathlib import Path

TOKEN: Final = Token(sha256="ab" * 32, value=b"{}", user_id=1, academies={1: frozenset({"read_assignment"})})


async def test_a_link_stays_while_nobody_can_be_let_in(tmp_path: Path) -> None:
    """As long as the key of sessions cannot be read it waits; then it is followed, once."""
    known = False

    async def sealing() -> Seal:
        if not known:
            raise starting()
        return Seal(b"key")

    services = SimpleNamespace(
        settings=SimpleNamespace(spool=tmp_path, default_academy=1),
        views=SimpleNamespace(complete=True),
        access=SimpleNamespace(of_digest=lambda _: TOKEN),
    )
    app = Starlette(routes=ROUTES)
    app.state.console = SimpleNamespace(services=services, sealing=sealing)
    link = with_link("http://console", offer_link(tmp_path, TOKEN.sha256, 10**11))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        with pytest.raises(ApiError) as refused:
            await client.get(link)
        known = True
        followed, again = await client.get(link), await client.get(link)

    assert refused.value.status == 503
    assert (followed.headers["location"], "set-cookie" in followed.headers) == ("/console/", True)
    assert (again.headers["location"], "set-cookie" in again.headers) == ("/console/login?why=link", False)
