"""Makes `default` an ordinary database. The engine's own one looks for files wherever it finds no table."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FILES", "make_default_ordinary"]

# The engine gives that database whatever name it is told.
FILES: Final = "_files"


def make_default_ordinary(data: Path) -> None:
    """Prepare a data directory, new or from an earlier release, whose tables in `default` stay; before every start."""
    metadata = data / "metadata"
    record, place = metadata / "default.sql", metadata / "default"
    # The engine makes this link, and loads the database twice where it finds it.
    if place.is_symlink():
        place.unlink()
    if record.exists():
        return
    number = str(uuid.uuid4())
    home = data / "store" / number[:3] / number
    home.mkdir(parents=True)
    if place.is_dir():
        for table in place.iterdir():
            table.rename(home / table.name)
        place.rmdir()
    metadata.mkdir(exist_ok=True)
    record.write_text(f"ATTACH DATABASE _ UUID '{number}'\nENGINE = Atomic\n", encoding="utf-8")
