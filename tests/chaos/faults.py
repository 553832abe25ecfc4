"""What can happen to workers; each fault is one call that returns when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.chaos.arena import Arena

__all__ = ["FAULTS", "add_and_remove", "freeze_past_session", "kill", "wipe"]


def kill(arena: Arena, rnd: random.Random) -> None:
    """SIGKILL one worker; it is started again at once."""
    arena.kill(rnd.choice(arena.workers))


def wipe(arena: Arena, rnd: random.Random) -> None:
    """Kill one worker and delete its directory."""
    arena.wipe(rnd.choice(arena.workers))


def freeze_past_session(arena: Arena, rnd: random.Random) -> None:
    """Stop a worker until the group has given its partitions away, then let it go on where it was."""
    arena.freeze(rnd.choice(arena.workers), 9)


def add_and_remove(arena: Arena, rnd: random.Random) -> None:
    """One worker more, one less: two rebalances that move state."""
    arena.add()
    arena.remove(rnd.choice(arena.workers))


FAULTS = {"kill": kill, "wipe": wipe, "freeze": freeze_past_session, "scale": add_and_remove}
