"""What a signal is called that has ended a process."""

from __future__ import annotations

import signal

__all__ = ["signal_name"]


def signal_name(number: int) -> str:
    """The name of a signal, one word for any number.

    Python names the first and the last of the real-time signals only: those between are `SIGRTMIN+6`, and what the C
    library keeps to itself `SIG32`.
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        real_time = signal.SIGRTMIN < number < signal.SIGRTMAX
        return f"SIGRTMIN+{number - signal.SIGRTMIN}" if real_time else f"SIG{number}"
