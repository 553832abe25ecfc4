"""The indicators: how engaged and how frustrated a student is by one tutorial, by versions of one algorithm.

A version is a module with the names of `Algorithm`; a new one stands beside the others and is entered here and in
schemas.settings (docs/indicators.md tells how).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.core.errors import UnknownAlgorithm
from streams.core.indicators import v1_0, v1_1
from streams.core.indicators.model import Indicators

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.core.indicators.model import Algorithm
    from streams.core.state import Document

__all__ = ["ALGORITHMS", "CURRENT", "Indicators", "algorithm", "compute"]

ALGORITHMS: Final[Mapping[float, Algorithm]] = {v1_0.VERSION: v1_0, v1_1.VERSION: v1_1}

# The version of new results where nothing else is asked for.
CURRENT: Final = v1_0.VERSION


def algorithm(version: float) -> Algorithm:
    """The algorithm of this version; raises UnknownAlgorithm where there is none."""
    try:
        return ALGORITHMS[version]
    except KeyError:
        raise UnknownAlgorithm(version, tuple(ALGORITHMS)) from None


def compute(document: Document, version: float = CURRENT) -> Indicators:
    """The indicators of a slim document; raises UnknownAlgorithm for a version that is not there."""
    return algorithm(version).compute(document)
