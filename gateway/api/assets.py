"""Assets with their daily telemetry statistics."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict

from gateway.api.callers import Parts, Staff, staff_with
from gateway.api.refusals import OF_STAFF, refusals
from gateway.api.services import Services, json_answer
from gateway.errors import ApiError

__all__ = ["router"]

router = APIRouter(prefix="/v1/registry/academy", tags=["assets"])

_ACTIONS: Final = ("sync_telemetry_stats",)

_DAYS: Final = """
SELECT day, frustration_avg, engagement_avg, completion_avg, total_sessions, computed_at FROM asset_daily
WHERE asset_slug = {slug:String} ORDER BY day
"""

_EXAMPLE: Final = {
    "id": 301,
    "slug": "javascript-arrays-intro",
    "title": "JavaScript Arrays Intro",
    "asset_type": "EXERCISE",
    "academy": 1,
    "telemetry_stats": {
        "last_sync_at": "2026-04-15T09:00:00.123456+00:00",
        "days": {
            "2026-04-14": {
                "frustration_avg": 12.5,
                "engagement_avg": 78.3,
                "completion_avg": 45.2,
                "total_sessions": 120,
            }
        },
    },
}


class DayStats(BaseModel):
    """An asset's figures as of the end of a UTC day."""

    frustration_avg: float
    engagement_avg: float
    completion_avg: float
    total_sessions: int


class TelemetryStats(BaseModel):
    """Figures by day (`YYYY-MM-DD`); days on which nothing changed have no entry."""

    last_sync_at: str | None
    days: dict[str, DayStats]


class AssetWithStats(BaseModel):
    """The asset as the directory has it, with its statistics."""

    model_config = ConfigDict(extra="allow")

    slug: str
    telemetry_stats: TelemetryStats


_FOUND: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"application/json": {"example": _EXAMPLE}}}}


@router.get(
    "/asset/{asset_slug}",
    summary="An asset with its statistics",
    response_model=AssetWithStats,
    responses={**_FOUND, **refusals(*OF_STAFF, "asset-not-found", "data-unavailable")},
)
async def read_asset(
    services: Parts, staff: Annotated[Staff, Depends(staff_with("read_asset"))], asset_slug: str
) -> Response:
    """An asset of this academy or of none; upper and lower case of the slug are one."""
    return json_answer(await _asset(services, staff.academy, asset_slug))


@router.put(
    "/asset/{asset_slug}/action/{action}",
    summary="Bring an asset's statistics up to date",
    response_model=AssetWithStats,
    responses={**_FOUND, **refusals(*OF_STAFF, "asset-not-found", "action-not-found", "data-unavailable")},
)
async def act_on_asset(
    services: Parts,
    staff: Annotated[Staff, Depends(staff_with("crud_asset"))],
    asset_slug: str,
    action: Annotated[str, Path(json_schema_extra={"enum": list(_ACTIONS)})],
) -> Response:
    """The only action is `sync_telemetry_stats`; statistics follow the webhooks by themselves, so it only answers."""
    asset = await _asset(services, staff.academy, asset_slug)
    if action not in _ACTIONS:
        raise ApiError("action-not-found", action=action, known=", ".join(_ACTIONS))
    return json_answer(asset)


async def _asset(services: Services, academy: int, slug: str) -> dict[str, Any]:
    visible = [asset for asset in services.reference.assets_named(slug) if asset.academy in (academy, None)]
    if visible:
        return {**visible[0].fields(), "telemetry_stats": await _stats(services, visible[0].slug)}
    stats = {} if services.strict or services.reference.assets_named(slug) else await _stats(services, slug)
    if not stats.get("days"):
        raise ApiError("asset-not-found", asset=slug)
    # An open directory takes any slug that students sent for an asset.
    return {"id": None, "slug": slug, "title": None, "academy": None, "telemetry_stats": stats}


async def _stats(services: Services, slug: str) -> dict[str, Any]:
    rows = await services.clickhouse.rows(_DAYS, {"slug": slug})
    last = max((row["computed_at"] for row in rows), default=None)
    return {
        "last_sync_at": None if last is None else f"{last:%Y-%m-%dT%H:%M:%S.%f}+00:00",
        "days": {str(row.pop("day")): {name: row[name] for name in DayStats.model_fields} for row in rows},
    }
