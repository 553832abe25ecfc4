"""The wheel of the notebooks' package that gateways serve: built from clients/notebook, and kept beside the routes.

`uv run python -m deploy.notebook_wheel` writes it anew. Wheels of released versions stay, for notebooks hold their
hashes; so a change after a release takes a new version.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["FOLDER", "PROJECT", "build"]

_ROOT: Final = Path(__file__).parents[1]
PROJECT: Final = _ROOT / "clients" / "notebook"
FOLDER: Final = _ROOT / "gateway" / "notebook" / "wheels"


def build(folder: Path) -> Path:
    """Build the wheel into a folder; the same sources and the same builder give the same bytes."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)  # noqa: S603 - all words are ours
    (wheel,) = folder.glob("*.whl")
    return wheel


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        made = build(Path(scratch))
        (FOLDER / made.name).write_bytes(made.read_bytes())
