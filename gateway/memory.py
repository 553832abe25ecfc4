"""Memory: large bodies are given back to the system at once, and cycles looked for as often as requests need it."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

__all__ = ["give_back_large_blocks", "look_for_cycles_less_often"]

_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 256 << 10

# Of requests under way: each holds dozens of objects, none of them in a cycle.
_GC_THRESHOLDS: Final = (20_000, 10, 10)


def give_back_large_blocks() -> None:
    """Have the C library keep no block of 256 KiB or more for later.

    By itself glibc raises that limit to 32 MiB once it has seen large blocks, and then each thread keeps some. Where
    there is another C library, nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def look_for_cycles_less_often() -> None:
    """Set the garbage collector for requests, once all is there that stays: it is not looked at again.

    At Python's own thresholds looking for cycles took a tenth of the time; a request leaves none that hold its body.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
