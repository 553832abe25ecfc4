"""One of several processes of a gateway, which share its address and each have a spool of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from gateway.beats import Beats

__all__ = ["Member"]


@dataclass(frozen=True, slots=True)
class Member:
    """What a process is given by the one that runs all of them.

    `number` counts from 1 to `processes` and stays when a process is started in place of another. `listener` is a
    socket of its own at the address of all, `spool` its directory. `figures` is where all of them count
    (gateway.shared_metrics), `beats` where each shows that it answers. `tell_ready` is called once webhooks are
    accepted.
    """

    number: int
    processes: int
    listener: socket.socket
    spool: Path
    figures: Path
    beats: Beats
    tell_ready: Callable[[], None]
