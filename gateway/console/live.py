"""The stream that tells pages when something new is stored, so that they ask again; nothing of a student is in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from gateway.console.routes import showing
from gateway.insights.event_stream import EventStream, owner_of
from gateway.insights.live import Wanted
from gateway.insights.sight import Sight
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor

__all__ = ["ROUTES"]


def _told(row: dict[str, Any], _sight: Sight) -> dict[str, Any]:
    return {"status": row["status"], "verdict": row["verdict"]}


async def _stream(_request: Request, visitor: Visitor) -> Response:
    services, academy, session = visitor.console.services, visitor.academy, visitor.session

    def allowed() -> bool:
        now = time.time()
        token = services.views.token(session.token)
        return (
            token is not None
            and not token.expired(int(now * 1_000_000))
            and READ in token.capabilities(academy)
            and not session.over(int(now))
        )

    wanted = Wanted(lambda: Sight(services.reference, academy, services.strict))
    return EventStream(visitor.console.live, wanted, allowed, owner=owner_of(visitor.token), shown=_told)


ROUTES: Final = [showing("/live", READ, _stream)]
