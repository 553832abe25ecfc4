"""Indicators of payloads in few words, and JSON text to compare them by."""

from __future__ import annotations

import json
from typing import Any

from streams.core.indicators import Indicators, compute
from streams.core.slim import slim
from tests.support.payloads import document

__all__ = ["computed", "exactly", "of_step"]


def computed(*steps: dict[str, Any], **fields: Any) -> Indicators:
    """The indicators of a payload with these steps."""
    return compute(slim(document(*steps, **fields)))


def of_step(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The result of the last of these steps."""
    found: dict[str, Any] = computed(*steps, **fields).result["steps"][-1]
    return found


def exactly(value: Any) -> str:
    """JSON text: the order of keys, and integers apart from floats."""
    return json.dumps(value)
