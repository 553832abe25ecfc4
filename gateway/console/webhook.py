"""The way of one webhook, and what it said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.console.lists import api_call, log_call
from gateway.console.page import PREFIX, render
from gateway.console.routes import showing
from gateway.errors import ApiError
from gateway.insights.trace import find_trace
from gateway.reading.webhook_log import add_payloads, read_row
from schemas.coercion import digits_as_id
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor

__all__ = ["ROUTES", "pretty"]

# What of a payload a page shows: it is to be read, not to be kept.
_MOST_SHOWN: Final = 60_000


def pretty(payload: Any) -> tuple[str, bool]:
    """A payload as indented JSON, and whether it is cut."""
    text = orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode()
    return text[:_MOST_SHOWN], len(text) > _MOST_SHOWN


async def _payload(visitor: Visitor, webhook: int) -> tuple[str, bool] | None:
    """What is shown of a payload; None where there is none, and where names are hidden."""
    clickhouse = visitor.console.services.clickhouse
    if not visitor.view.names:
        return None
    page = await read_row(clickhouse, webhook)
    async with clickhouse.room(page.bytes):
        redact = visitor.console.services.settings.redacted_keys
        await add_payloads(clickhouse, page, str, redact=redact)
        payload = page.rows[0]["payload"] if page.rows else None
        if payload is None:
            return None
        return await asyncio.to_thread(lambda: pretty(orjson.loads(orjson.dumps(payload))))


async def _show(request: Request, visitor: Visitor) -> Response:
    services, text = visitor.console.services, request.path_params["webhook"]
    number = digits_as_id(text)
    if number is None:
        raise ApiError("webhook-not-found", webhook=text[:40])
    trace = await find_trace(services.questions, visitor.sight, services.settings, number)
    payload = await _payload(visitor, number)
    student = trace["student"]
    return await render(
        request,
        "webhook.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        trace=trace,
        name=None if student is None else visitor.name(student),
        reached=student is not None and visitor.sight.sees(student["id"]),
        payload=payload,
        log_address=f"{PREFIX}/webhooks",
        whole=log_call(request, visitor.academy, {}, f"/{number}"),
        call=api_call(request, f"/webhooks/{number}/trace", visitor.academy),
        queries=(visitor.sql.webhook(number),),
    )


ROUTES: Final = [showing("/webhooks/{webhook}", READ, _show)]
