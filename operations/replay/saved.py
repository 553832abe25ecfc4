"""Comparisons that replays have left in the data directory, shortened for who looks on from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from operations.cut import cut_text

if TYPE_CHECKING:
    from pathlib import Path

    from operations.replay.comparison import Comparison
    from schemas.settings import Settings

__all__ = ["LatestComparison", "comparison_file", "save", "shortened"]

# Of each list the largest changes.
_MOST: Final = 20
_LISTS: Final = ("verdicts", "scores", "days")
# A file has ten thousand rows of each list at most; what is larger is none of ours.
_MOST_BYTES: Final = 64 << 20


def comparison_file(settings: Settings, what: str) -> Path:
    """Where a comparison is saved: of a generation, such as `g2`, or of a `part` that is replaced in place."""
    return settings.data.absolute() / "replay" / f"comparison-{what}.json"


def save(comparison: Comparison, path: Path) -> None:
    """Write it as JSON, for scripts and to keep."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(comparison.as_json(), option=orjson.OPT_INDENT_2))


def shortened(saved: dict[str, Any]) -> dict[str, Any]:
    """A saved comparison with the twenty largest changes of each list, and how many webhooks have another verdict."""
    changed = sum(change["webhooks"] for change in saved["verdicts"])
    brief = {name: [_cut(row) for row in saved[name][:_MOST]] for name in _LISTS}
    return {**saved, **brief, "verdicts_changed": changed}


def _cut(row: dict[str, Any]) -> dict[str, Any]:
    return {name: cut_text(value) if isinstance(value, str) else value for name, value in row.items()}


class LatestComparison:
    """The comparison that was saved last in a data directory; each file is read once."""

    def __init__(self, settings: Settings) -> None:
        self._directory = comparison_file(settings, "").parent
        self._known: tuple[tuple[Path, int], dict[str, Any] | None] | None = None

    def read(self) -> dict[str, Any] | None:
        """It, shortened, with the instant `at` which it was saved; None where no replay of this directory compared.

        One that is being written, or that another version wrote, is none.
        """
        found = max(self._saved(), default=None)
        if found is None:
            return None
        at, path = found
        if self._known is None or self._known[0] != (path, at):
            self._known = (path, at), _read(path, at)
        return self._known[1]

    def _saved(self) -> list[tuple[int, Path]]:
        try:
            return [(path.stat().st_mtime_ns, path) for path in self._directory.glob("comparison-*.json")]
        except OSError:
            return []


def _read(path: Path, at: int) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        brief = shortened(orjson.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {"at": datetime.fromtimestamp(at / 1e9, UTC).isoformat(timespec="seconds"), **brief}
