"""What happens to events that still wait when a session or the notebook's Python ends."""

from __future__ import annotations

import atexit
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from learnpack_notebook_telemetry.sender import Sender

__all__ = ["EXIT_SECONDS", "leave", "look_after", "retire"]

# A notebook may take a second longer to end; a part of it is left for everything else.
EXIT_SECONDS: Final = 0.8

_senders: list[Sender] = []


def look_after(sender: Sender) -> None:
    """Close this sender when Python ends."""
    _senders.append(sender)


def retire() -> None:
    """Let earlier senders send what they have left, in the background; those that are done are forgotten."""
    _senders[:] = [sender for sender in _senders if not sender.close(0)]


@atexit.register
def leave() -> None:
    """Give what waits a last chance, within EXIT_SECONDS for all senders together."""
    deadline = time.monotonic() + EXIT_SECONDS
    while _senders:
        _senders.pop().close(max(0.0, deadline - time.monotonic()))
