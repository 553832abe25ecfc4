"""How many examples the tests by generated values try."""

from __future__ import annotations

import os

__all__ = ["examples"]


def examples(count: int) -> int:
    """So many, or LEARNPACK_TEST_EXAMPLES times as many: `.ci/long` asks for more than there is time for every day."""
    return count * int(os.environ.get("LEARNPACK_TEST_EXAMPLES", "1"))
