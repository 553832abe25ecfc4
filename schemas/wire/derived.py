"""Headers of the records that workers derive from webhooks."""

from __future__ import annotations

from typing import Final

__all__ = ["FIRST_OFFSET", "LAST_OFFSET", "RECOMPUTED", "ROW"]

# The columns beside a document's value.
ROW: Final = "row"
# The raw offsets that a packed record was computed from.
FIRST_OFFSET: Final = "first-offset"
LAST_OFFSET: Final = "last-offset"
# What marks a record that a replay in place wrote.
RECOMPUTED: Final = "recomputed"
