"""Files that only their owner reads and that are whole at any time: written beside, and put where they belong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_secret"]


def write_secret(path: Path, text: str | bytes) -> None:
    """Write a file that only its owner reads from now on, whoever could before.

    Raises OSError where it cannot be written, and then the file is what it was.
    """
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        os.replace(beside, path)  # noqa: PTH105 - it takes the place of what is there
    except OSError:
        beside.unlink(missing_ok=True)
        raise
