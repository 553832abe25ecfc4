"""UTC days that figures are asked of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

__all__ = ["DaySpan"]

# What came at midnight may be stored a while later.
_LATE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DaySpan:
    """The UTC days from `first` to `last`."""

    first: date
    last: date

    def closed(self, now: datetime) -> bool:
        """Whether nothing arrives for any of them any more; `now` is in UTC."""
        return self.last < (now - _LATE).date()

    def parameters(self) -> dict[str, Any]:
        """The days as parameters of a question."""
        return {"first": self.first, "last": self.last}
