"""What LearnPack's IDE reads back when it starts."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from gateway.api.callers import AppServices, Caller, require_sight
from gateway.api.pages import around, number, page_address
from gateway.api.parameters import ID_LIST, id_list
from gateway.api.refusals import OF_ANY_CALLER, refusals
from gateway.api.services import Services, large_answer
from gateway.errors import ApiError
from gateway.reading.documents import Named, find_documents, read_texts
from gateway.reading.payloads import fitting

__all__ = ["router"]

router = APIRouter(prefix="/v1/learnpack", tags=["LearnPack"])

_MAX_USERS: Final = 100
_MAX_DOCUMENTS: Final = 1000
_TRUE: Final = frozenset({"1", "true", "yes"})
_EXAMPLE: Final = {
    "results": [
        {
            "telemetry_id": "6d4a0c9e-0b0f-4b67-9c2e-0a4f6f3f9b11",
            "user_id": 1234,
            "slug": "javascript-arrays-intro",
            "agent": "cloud",
            "tutorial_started_at": 1734600000000,
            "last_interaction_at": 1734603600000,
        }
    ]
}


class Documents(BaseModel):
    """Documents, newest first."""

    results: list[dict[str, Any]]
    next: str | None = None


@router.get(
    "/telemetry",
    summary="Read documents back",
    response_model=Documents,
    responses={
        200: {"content": {"application/json": {"example": _EXAMPLE}}},
        **refusals(*OF_ANY_CALLER, "missing-capability", "invalid-filter", "data-unavailable"),
    },
)
async def read_back(
    request: Request,
    services: AppServices,
    token: Caller,
    *,
    user_ids: Annotated[
        str | None,
        Query(
            description="Numbers, comma-separated, at most 100; the token's own user by default.",
            examples=["1234"],
            json_schema_extra={"pattern": ID_LIST},
        ),
    ] = None,
    package_slug: Annotated[
        str | None,
        Query(
            description="A tutorial by its slug or alias in any language, or by the `slug` or `package_slug` of its"
            " documents; all by default."
        ),
    ] = None,
    package_id: Annotated[
        str | None,
        Query(
            description="Or by the `package_id` of its documents or its asset.",
            examples=["77"],
            json_schema_extra={"pattern": ID_LIST},
        ),
    ] = None,
    include_steps: Annotated[str | None, Query(description="`true` for whole documents.", examples=["true"])] = None,
    include_buffer: Annotated[  # noqa: ARG001 - the IDE sends it; here everything is always read
        str | None, Query(description="Has no effect: what was accepted is always included.")
    ] = None,
    offset: Annotated[
        str | None,
        Query(description="Documents to skip.", examples=["0"], json_schema_extra={"pattern": "^[0-9]{0,18}$"}),
    ] = None,
) -> Response:
    """The own documents, or with read_assignment those of students; each with what streamed events added to it.

    Where they are too many for one answer it ends with a whole document, and `next` and the header `Link` say where it
    goes on.
    """
    users = _users(user_ids, token.user_id)
    for user in users:
        require_sight(services, token, user)
    if not users:
        require_sight(services, token, None)
    named = _named(services, package_slug, id_list("package_id", package_id))
    skipped = number("offset", offset, 0, least=0)
    documents = await find_documents(services.clickhouse, [str(user) for user in users], named or ())
    page = documents[skipped : skipped + _MAX_DOCUMENTS]
    # One at least, and none is ever cut: the IDE goes on working with it.
    del page[fitting([known.bytes for known in page]) :]
    end = skipped + len(page)
    after = page_address(request, limit=None, offset=end) if end < len(documents) else None
    async with services.clickhouse.room(sum(known.bytes for known in page)):
        steps = (include_steps or "").strip().lower() in _TRUE
        texts = await read_texts(services.clickhouse, page, steps=steps)
        results = [text for text in texts if text is not None]
        return await large_answer(
            {"results": results, **({"next": after} if after else {})}, headers=around(after, None)
        )


def _users(user_ids: str | None, user_of_token: int | None) -> tuple[int, ...]:
    users = id_list("user_ids", user_ids)
    if len(users) > _MAX_USERS:
        raise ApiError("invalid-filter", field="user_ids", values=f"more than {_MAX_USERS}")
    return users or (() if user_of_token is None else (user_of_token,))


def _named(services: Services, package_slug: str | None, packages: tuple[int, ...]) -> Named | None:
    """All that a tutorial's documents may be kept under or call it: as it is named, and its translations' slugs."""
    if not package_slug and not packages:
        return None
    reference = services.reference
    assets = [*map(reference.asset_by_package, packages), reference.asset_by_slug(package_slug or "")]
    slugs = {asset.slug for named in assets if named is not None for asset in reference.group(named)}
    return Named(sorted(slugs | ({package_slug} if package_slug else set())), packages)
