"""Compiled modules, which a test run keeps also where Python is told to write none."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["keep_bytecode"]


def keep_bytecode(config: pytest.Config) -> None:
    """Let this process and those that it starts keep compiled modules in pytest's cache.

    With PYTHONDONTWRITEBYTECODE each of some hundred processes would compile all that it imports, which takes three
    times as long as all the rest of its start. Beside the sources nothing is written.
    """
    cache = getattr(config, "cache", None)  # none with `-p no:cacheprovider`
    if not sys.dont_write_bytecode or cache is None:
        return
    directory = str(cache.mkdir("bytecode"))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = directory
    sys.dont_write_bytecode = False
