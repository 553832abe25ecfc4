"""Pages of which a part is written by the code: what stands between two marks."""

from __future__ import annotations

__all__ = ["between"]


def between(page: str, begin: str, end: str, text: str) -> str:
    """The page with this text between its marks, each a whole line; raises ValueError where it has none."""
    before, first, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        message = f"the page has no marks {begin.strip()} and {end.strip()}"
        raise ValueError(message)
    return before + begin + text + end + after
