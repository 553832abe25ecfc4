"""Pages of long answers: how they are asked for, and where those around are."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

from fastapi import Request

from gateway.api.parameters import id_list
from gateway.errors import ApiError

__all__ = ["address_of", "around", "number", "page_address"]

# The token must not appear in an answer, which may be logged or cached.
_REPLACED: Final = frozenset({"limit", "offset", "token"})
_SHOWN: Final = 200


def number(field: str, value: str | None, default: int, *, least: int) -> int:
    """One number of a query parameter; raises ApiError 400 `invalid-filter` for anything else."""
    if not value:
        return default
    numbers = id_list(field, value)
    if len(numbers) != 1 or numbers[0] < least:
        raise ApiError("invalid-filter", field=field, values=value[:_SHOWN])
    return numbers[0]


def address_of(request: Request, path: str) -> str:
    """A path of this gateway as an address that its caller can use."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return f"{'https' if scheme == 'https' else 'http'}://{request.url.netloc}{path}"


def page_address(request: Request, *, limit: int | None, offset: int) -> str:
    """The address of another page of the same answer."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in _REPLACED]
    page = [("limit", str(limit))] if limit is not None else []
    return f"{address_of(request, quote(request.scope['path']))}?{urlencode([*kept, *page, ('offset', str(offset))])}"


def around(after: str | None, before: str | None) -> dict[str, str]:
    """The header `Link` (RFC 8288) that names the pages around; none where there are none."""
    links = ", ".join(f'<{url}>; rel="{name}"' for name, url in (("next", after), ("prev", before)) if url)
    return {"Link": links} if links else {}
