"""The long form of the tests of replays: `uv run python -m tests.chaos.replay [--kills 10] [--rate 200] [--seed 1]`.

Starts a Kafka and a ClickHouse of its own and a system, loads it over HTTP, and kills the replay at random moments
until one is let through; kills worker, sink and replay during swaps; freezes a sink and a worker over one; goes back.
Prints what was found; exits with 1 if anything was lost, doubled or read half.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from schemas.wire.generations import Phase
from tests.chaos.replay_trial import (
    Client,
    Keeper,
    Reader,
    alone,
    check_everything,
    onward,
    replay_killed,
    settled,
    swap_with,
)
from tests.support.http_system import http_system
from tests.support.replay import contents, journal
from tests.support.stack import local_stack
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.http_system import HttpSystem

_SWAP_S = 180


class Trials:
    """The faults, one after another, on one system under one load."""

    def __init__(self, system: HttpSystem, keeper: Keeper, rnd: random.Random, say: Callable[[str], None]) -> None:
        self.system, self.keeper, self.rnd, self.say = system, keeper, rnd, say

    def kills(self, count: int) -> None:
        """SIGKILL the replay at random moments, resuming it each time, then let it swap."""
        steps = [str(replay_killed(self.system, self.rnd.random())) for _ in range(count)]
        self.say(f"kill -9 of the replay {count} times; it died at: {', '.join(steps)}")
        self.swap("the last one")

    def swap(
        self, what: str, command: str = "", step: Phase = Phase.SWAPPING, fault: Callable[[], None] | None = None
    ) -> None:
        """Run a change of generations to its end, with something that happens at a step."""
        arguments = (command, "--yes") if command else onward(self.system)
        child = swap_with(self.system, arguments, step, lambda _: fault() if fault else None)
        code = child.process.wait(_SWAP_S)
        assert code == 0, child.output
        waited = next((line for line in child.output.splitlines() if line.startswith("Webhooks waited")), "")
        self.say(f"{what}: generation {journal(self.system.settings).live} is live. {waited}")

    def killed_at(self, step: Phase) -> None:
        """SIGKILL the replay at a step of the swap, and see the others settle it."""
        child = swap_with(self.system, ("--yes",), step, lambda one: one.process.kill())
        child.process.wait()
        began = time.monotonic()
        eventually(
            lambda: journal(self.system.settings).step in {Phase.CATCHING_UP, Phase.IDLE}, 60, "a settled journal"
        )
        self.say(f"kill -9 of the replay while {step}: settled after {time.monotonic() - began:.1f} s")
        if journal(self.system.settings).step is not Phase.IDLE:
            self.swap("resumed")

    def kill_parts(self) -> None:
        """SIGKILL worker and sink."""
        for child in self.keeper.children.values():
            child.process.kill()

    def frozen(self) -> None:
        """Freeze a second sink and worker over a rollback, wake them, and see that nothing changes."""
        own = {"TELEMETRY_DATA": str(self.system.directory / "zombie")}
        zombies = [self.system.start("worker", own), self.system.start("sink")]
        for zombie in zombies:
            zombie.freeze()
        eventually(lambda: alone(self.system), 60, "groups without the zombies")
        self.swap("rollback with a frozen worker and sink", "rollback")
        for zombie in zombies:
            zombie.thaw()
        eventually(lambda: all(map(settled, zombies)), 60, "an end of what is not live")
        for zombie in zombies:
            zombie.end()
        self.say("they woke up and stopped")


def main(
    kills: Annotated[int, typer.Option(help="How often the replay is killed at a random moment.")] = 10,
    rate: Annotated[float, typer.Option(help="Webhooks per second.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of load and moments.")] = 1,
) -> None:
    """Run the trials."""
    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {text}", markup=False)

    with tempfile.TemporaryDirectory(prefix="chaos-") as name, local_stack(Path(name) / "stack") as stack:
        home = Path(name) / "system"
        home.mkdir()
        with http_system(stack, home, parts=("gateway",), directory="open", partitions=4) as system:
            with Keeper(system, "worker", "sink") as keeper, Reader(system) as reader:
                trials = Trials(system, keeper, random.Random(seed), say)  # noqa: S311 - repeatable
                with Client(system, rate, seed) as client:
                    trials.kills(kills)
                    trials.swap("rollback", "rollback")
                    trials.swap("worker and sink killed while paused", "", Phase.PAUSED, trials.kill_parts)
                    trials.killed_at(Phase.PAUSED)
                    trials.killed_at(Phase.SWAPPING)
                    trials.frozen()
                live = contents(system.settings, journal(system.settings).live)
                say(f"{sum(map(len, live.values()))} rows in generation {journal(system.settings).live}")
                say(check_everything(system, client))
            say(f"{reader.looks} looks at the views, generations {reader.generations}, wrong: {reader.wrong or 'none'}")
            say(f"ends of parts: {dict(keeper.ends)}")
            sys.exit(1 if reader.wrong else 0)


if __name__ == "__main__":
    typer.run(main)
