"""What a form sends, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from gateway.addresses import UNKNOWN
from gateway.errors import ApiError
from gateway.ingest.bodies import read_body

if TYPE_CHECKING:
    from starlette.requests import Request

    from gateway.api.services import Services

__all__ = ["read_form"]

_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 2_000
_ACCOUNT: Final = "console"


async def read_form(request: Request, services: Services, limit: int) -> dict[str, str]:
    """The fields of a form, the last of each name; raises ApiError for what is larger, slower or no form."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise ApiError("foreign-form")
    length = request.headers.get("content-length", "")
    address = request.client.host if request.client else UNKNOWN
    share = services.shares.enter(address, _ACCOUNT)
    try:
        body = await read_body(
            request.receive, share, limit=limit, declared=int(length) if length.isdecimal() else None
        )
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise ApiError("foreign-form") from error
    finally:
        share.leave()
