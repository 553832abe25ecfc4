"""Control characters in texts that clients wrote: a terminal takes them for commands."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["WRITTEN_OUT", "without_controls"]

# For str.translate: as `\x1b`.
WRITTEN_OUT: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_NEITHER_LINES_NOR_TABS: Final = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")


def without_controls(text: str) -> str:
    """The text with them written out, line ends and tabs as they are; the very text where there is nothing to do."""
    return _NEITHER_LINES_NOR_TABS.sub(lambda found: WRITTEN_OUT[ord(found[0])], text)
