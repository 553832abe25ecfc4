"""What explains scores: passed in, because how they are computed is the worker's and none of the gateway's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Explain"]

# The explanation of a document's scores by a version of the algorithm, None where there is no such version.
Explain = Callable[[Mapping[str, Any], float], dict[str, Any] | None]
