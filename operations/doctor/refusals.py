"""Whether webhooks are refused for who sends them: nobody else sees it where a proxy mirrors posts to the gateway."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client.parser import text_string_to_metric_families

from gateway.ingest.routes import INGEST_PATHS
from gateway.messages import MESSAGES
from operations.asking import NO_ANSWER, ask
from operations.doctor.findings import good, warning
from operations.wording import counted

if TYPE_CHECKING:
    from operations.doctor.findings import Finding
    from schemas.settings import Settings

__all__ = ["check_refusals", "refusals_in"]

_PART: Final = "gateway"
_CHECK: Final = "senders"
_TIMEOUT_SECONDS: Final = 10.0
_REQUESTS: Final = "telemetry_gateway_requests_total"
_REFUSED: Final = "telemetry_gateway_refused_total"
_OF_SENDERS: Final = frozenset({401, 403})
# Fewer than one in so many are strangers who try.
_PART_OF_ALL: Final = 100
_MEND: Final = (
    "Tokens have to be in the directory (`directory sync`, or `token create`), and streamed events carry none, so the "
    'URL in learn.json needs an ingest key (docs/migrating.md, "4. Mirror").'
)


async def check_refusals(settings: Settings) -> Finding | None:
    """What the gateway's figures say of refused posts; None where it does not tell them, as behind some proxies."""
    try:
        answer = await ask(f"{settings.gateway_url}/metrics", timeout_seconds=_TIMEOUT_SECONDS)
        return refusals_in(answer.text) if answer.good else None
    except (*NO_ANSWER, ValueError):
        return None


def refusals_in(figures: str) -> Finding:
    """The finding of the gateway's figures, as Prometheus reads them: of all posts those refused with 401 or 403.

    Raises ValueError where they are none.
    """
    posts = refused = 0
    reasons: Counter[str] = Counter()
    for family in text_string_to_metric_families(figures):
        for sample in family.samples:
            number = int(sample.value)
            if sample.name == _REQUESTS and sample.labels.get("route") == INGEST_PATHS[0]:
                posts += number
                refused += number if int(sample.labels["status"]) in _OF_SENDERS else 0
            elif sample.name == _REFUSED and (slug := sample.labels["reason"]) in MESSAGES:
                reasons[slug] += number if MESSAGES[slug].status in _OF_SENDERS else 0
    told = f"{refused:,} of {counted(posts, 'post', ',')} refused for their sender since it began"
    if refused * _PART_OF_ALL < posts or not refused:
        return good(_PART, _CHECK, told)
    shown = ", ".join(f"{number:,} {slug}" for slug, number in reasons.most_common() if number)
    return warning(_PART, _CHECK, f"{told}: {shown}" if shown else told, _MEND)
