"""Memory of large bodies, given back to the system as soon as they are done with."""

from __future__ import annotations

import ctypes
from typing import Final

__all__ = ["give_back_large_blocks"]

_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 256 << 10


def give_back_large_blocks() -> None:
    """Have the C library keep no block of 256 KiB or more for later.

    By itself glibc raises that limit to 32 MiB once it has seen large blocks, and then each thread keeps some. Where
    there is another C library, nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
