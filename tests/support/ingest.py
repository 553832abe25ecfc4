"""Where webhooks are sent to, how much is taken, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from tests.support.http_system import HttpSystem

__all__ = ["BOTH", "LIMIT", "ME", "refused", "stored_with"]

ME = "/v1/assignment/me/telemetry"
BOTH = (ME, "/v1/learnpack/telemetry")
LIMIT = 5 << 20


def stored_with(system: HttpSystem, package: int) -> Sequence[Sequence[Any]]:
    """The bodies with this package id; the bare number may be part of another test's random ids."""
    return system.query(
        "SELECT payload FROM raw WHERE position(replaceAll(payload, ' ', ''), {member:String}) > 0",
        member=f'"package_id":{package}',
    )


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and slug of an error, which must have the documented shape."""
    body = answer.json()
    assert set(body) == {"detail", "slug", "status_code"}
    assert body["status_code"] == answer.status_code
    assert body["detail"]
    return answer.status_code, body["slug"]
