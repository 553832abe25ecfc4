"""Checks of the gateway: reachable, ready, whether it knows the token, and whether it refuses those who send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from operations.absence import absence
from operations.asking import NO_ANSWER, ask
from operations.doctor.findings import failed, good, unreachable, warning
from operations.doctor.refusals import check_refusals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from operations.doctor.findings import Finding
    from schemas.settings import Settings

__all__ = ["check_gateway"]

_PART: Final = "gateway"
_TIMEOUT_SECONDS: Final = 10.0
_UNAUTHORIZED: Final = 401
_MENDS: Final = {
    "kafka": "Mend what is said of kafka; webhooks go to the spool meanwhile.",
    "clickhouse": "Mend what is said of clickhouse; webhooks are taken, nothing can be read.",
    "views": "Wait for its view of rules and directory, or look into its log.",
}

_DAMAGED: Final = (
    "See its log: a disk damages files, or topics take less than it does (then `setup`). Afterwards move `*.damaged` "
    "out of the gateway's TELEMETRY_SPOOL (and its `process-*`), or delete them."
)


async def check_gateway(settings: Settings) -> AsyncIterator[Finding]:
    """Check one thing after another; ends at the first that all others need."""
    try:
        answer = await ask(f"{settings.gateway_url}/health/ready", timeout_seconds=_TIMEOUT_SECONDS)
    except NO_ANSWER as error:
        away = absence(error, settings.gateway_url, "TELEMETRY_GATEWAY_URL")
        mend = "Correct TELEMETRY_GATEWAY_URL."
        yield unreachable(_PART, away, f"{settings.gateway_url} fails: {error!r}", mend)
        return
    yield good(_PART, "reachable", settings.gateway_url)
    try:
        body = answer.json()
        lacking = [name for name in _MENDS if body.get(name) is not True]
    except (ValueError, AttributeError):
        mend = "Correct TELEMETRY_GATEWAY_URL: what answers there is no gateway."
        yield failed(_PART, "ready", f"its answer is no state: {answer.text[:100]!r}", mend)
        return
    if lacking:
        yield failed(_PART, "ready", f"not ready: {', '.join(lacking)}", _MENDS[lacking[0]])
    else:
        yield good(_PART, "ready", "Kafka, ClickHouse and views")
    if damaged := body.get("damaged_spool_segments"):
        problem = f"{damaged} damaged: webhooks in them cannot be read or sent, all others were sent"
        yield failed(_PART, "spool", problem, _DAMAGED)
    yield await _token(settings)
    if (refusals := await check_refusals(settings)) is not None:
        yield refusals


async def _token(settings: Settings) -> Finding:
    mend = "Set TELEMETRY_TOKEN to one that `learnpack-telemetry token create` made."
    if settings.token is None:
        return warning(_PART, "token", "TELEMETRY_TOKEN is not set; `send` needs one", mend)
    headers = {"Authorization": f"Token {settings.token.get_secret_value()}"}
    url = f"{settings.gateway_url}/v1/learnpack/telemetry?package_slug=none"
    answer = await ask(url, headers=headers, timeout_seconds=_TIMEOUT_SECONDS)
    if answer.status == _UNAUTHORIZED:
        return failed(_PART, "token", "the gateway does not know TELEMETRY_TOKEN", mend)
    return good(_PART, "token", "known to the gateway")
