"""What the first process of a container has to do for itself."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["end_on_sigterm"]

_FIRST: Final = 1


def end_on_sigterm(pid: int | None = None) -> None:
    """Have SIGTERM end this process from now on, with exit code 143, if it is the first one; `pid` is its id.

    The kernel passes over every signal to the first process of a container that has no handler there: what loads its
    libraries, or waits for a server, would be killed ten seconds later. Parts have handlers of their own once they run.
    """
    if (os.getpid() if pid is None else pid) == _FIRST:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
