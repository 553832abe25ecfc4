"""The SQL of panels: that of docs/analysts.md and of the gateway's figures, so that all of them agree.

Tables are named without their database, which is the data source's own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["PAGE", "filled", "of_page"]

PAGE: Final = Path(__file__).parents[3] / "docs" / "analysts.md"

_DATABASE: Final = re.compile(r"\btelemetry\.(?=[a-z_]+\b)")
_PARAMETER: Final = re.compile(r"\{(\w+):[\w()]+\}")


def of_page(number: int) -> str:
    """The query of a question of docs/analysts.md; raises LookupError if the page has no such question."""
    found = re.search(rf"^## {number}\. .*?^```sql\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    if found is None:
        message = f"{PAGE} has no question {number}"
        raise LookupError(message)
    return _DATABASE.sub("", found[1]).strip()


def filled(sql: str, **values: str) -> str:
    """A query of the gateway with these texts in the places of its parameters; raises KeyError where one is missing."""
    return _PARAMETER.sub(lambda found: values[found[1]], sql).strip()
