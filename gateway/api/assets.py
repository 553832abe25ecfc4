"""Assets with their daily telemetry statistics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict

from gateway.api.callers import AppServices, Staff, staff_with
from gateway.api.refusals import OF_STAFF, refusals
from gateway.api.services import Services, json_answer, put_reference
from gateway.errors import ApiError
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from schemas.reference.directory import Asset

__all__ = ["router"]

router = APIRouter(prefix="/v1/registry/academy", tags=["assets"])

_ACTIONS: Final = ("sync_telemetry_stats",)

_STATS: Final = "telemetry_stats"

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
    services: AppServices, staff: Annotated[Staff, Depends(staff_with("read_asset"))], asset_slug: str
) -> Response:
    """An asset of this academy or of none; upper and lower case of the slug are one."""
    return json_answer(await _asset(services, staff.academy, asset_slug))


@router.put(
    "/asset/{asset_slug}/action/{action}",
    summary="Bring an asset's statistics up to date",
    response_model=AssetWithStats,
    responses={
        **_FOUND,
        **refusals(*OF_STAFF, "asset-not-found", "action-not-found", "data-unavailable", "unavailable"),
    },
)
async def act_on_asset(
    services: AppServices,
    staff: Annotated[Staff, Depends(staff_with("crud_asset"))],
    asset_slug: str,
    action: Annotated[str, Path(json_schema_extra={"enum": list(_ACTIONS)})],
) -> Response:
    """The only action is `sync_telemetry_stats`.

    Statistics follow the webhooks by themselves, so it notes that somebody looked (`last_sync_at`), and answers.
    """
    asset = await _asset(services, staff.academy, asset_slug)
    if action not in _ACTIONS:
        raise ApiError("action-not-found", action=action, known=", ".join(_ACTIONS))
    now = _iso(datetime.now(UTC))
    asset["telemetry_stats"]["last_sync_at"] = now
    for known in _visible(services, staff.academy, asset_slug)[:1]:
        await _note_sync(services, known, now)
    return json_answer(asset)


async def _note_sync(services: Services, asset: Asset, now: str) -> None:
    noted = asset.updated({_STATS: {**_kept(asset), "last_sync_at": now}})

    def is_in_force() -> bool:
        known = services.reference.asset(asset.id)
        return known is None or _kept(known).get("last_sync_at") == now

    await put_reference(services, Topics.of(services.settings).assets, noted.key, noted.value, is_in_force)


def _kept(asset: Asset) -> dict[str, Any]:
    """What the directory's record says of the statistics: of an LMS that computed some, or of the last time here."""
    kept = asset.fields().get(_STATS)
    return kept if isinstance(kept, dict) else {}


def _iso(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S.%f}+00:00"


def _visible(services: Services, academy: int, slug: str) -> list[Asset]:
    return [asset for asset in services.reference.assets_named(slug) if asset.academy in (academy, None)]


async def _asset(services: Services, academy: int, slug: str) -> dict[str, Any]:
    visible = _visible(services, academy, slug)
    if visible:
        stats = await _stats(services, visible[0].slug)
        times = stats["last_sync_at"], _kept(visible[0]).get("last_sync_at")
        stats["last_sync_at"] = max((time for time in times if isinstance(time, str)), default=None)
        return {**visible[0].fields(), _STATS: stats}
    stats = {} if services.strict or services.reference.assets_named(slug) else await _stats(services, slug)
    if not stats.get("days"):
        raise ApiError("asset-not-found", asset=slug)
    # An open directory takes any slug that students sent for an asset.
    return {"id": None, "slug": slug, "title": None, "academy": None, _STATS: stats}


async def _stats(services: Services, slug: str) -> dict[str, Any]:
    rows = await services.clickhouse.rows(_DAYS, {"slug": slug})
    last = max((row["computed_at"] for row in rows), default=None)
    return {
        "last_sync_at": None if last is None else _iso(last),
        "days": {str(row.pop("day")): {name: row[name] for name in DayStats.model_fields} for row in rows},
    }
