"""Whether the gateway refuses those who send, by its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from operations.doctor.refusals import refusals_in

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUTE = "/v1/assignment/me/telemetry"


def figures(by_status: Mapping[int, int], reasons: Mapping[str, int]) -> str:
    """As a gateway tells them, with those of another route."""
    lines = ['telemetry_gateway_requests_total{route="/health/ready",status="401"} 900.0']
    lines += [f'telemetry_gateway_requests_total{{route="{ROUTE}",status="{s}"}} {n}.0' for s, n in by_status.items()]
    lines += [f'telemetry_gateway_refused_total{{reason="{slug}"}} {number}.0' for slug, number in reasons.items()]
    return "# TYPE telemetry_gateway_requests_total counter\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("by_status", "state"),
    [
        ({}, "ok"),
        ({200: 991, 401: 9}, "ok"),
        ({200: 990, 401: 10}, "warning"),
        ({200: 990, 401: 5, 403: 5}, "warning"),
        ({403: 1}, "warning"),
        ({200: 1, 413: 900, 429: 900, 503: 900}, "ok"),
    ],
)
def test_one_in_a_hundred_is_a_warning(by_status: Mapping[int, int], state: str) -> None:
    """What is refused for its size, its rate or the moment is not for who sends it."""
    found = refusals_in(figures(by_status, {}))
    assert (found.state, bool(found.mend)) == (state, state != "ok")


def test_the_reasons_are_named() -> None:
    """Those of senders, most first."""
    reasons = {"invalid-token": 3, "missing-capability": 0, "authentication-required": 40, "body-too-large": 70}
    found = refusals_in(figures({200: 57, 401: 43}, reasons))
    assert found.detail == (
        "43 of 100 posts refused for their sender since it began: 40 authentication-required, 3 invalid-token"
    )
