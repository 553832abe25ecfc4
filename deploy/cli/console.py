"""What the commands share: output, errors as one line, and running asynchronous work; nothing that loads long."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rich.console import Console

from schemas.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["Failed", "err", "out", "run"]

T = TypeVar("T")

# Tables are cut to the width of a terminal; a file or a pipe has none and takes all of them.
_UNBOUNDED: Final = 250

out: Final = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _UNBOUNDED)
err: Final = Console(stderr=True, highlight=False, soft_wrap=True)


class Failed(OperatorError):  # noqa: N818 - it is a result, the command's exit code 1
    """The command cannot do its work; the text is one line that says what to do."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work to its end."""
    return asyncio.run(work)
