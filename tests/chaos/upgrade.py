"""Releases side by side under load: `uv run python -m tests.chaos.upgrade [--rate 200] [--seed 1] [--commit ID]`.

Runs two gateways, two workers and two sinks of the release that tests/data keeps data of, built from git, under a load
of webhooks; replaces each by this tree's, in the order of docs/upgrades.md, then takes one of each back to the old one,
and forward again. Prints what the tables then hold, and exits with 1 if anything was lost or doubled. Where the clone
has not the commit, it says so and that nothing was tried.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from operations.tokens import grant
from schemas.settings import Settings
from tests.chaos.replay_trial import check_recomputed
from tests.chaos.upgrade_fleet import ROOT, Fleet, Release, earlier_release
from tests.chaos.upgrade_load import Balanced, found
from tests.support.http_directory import TOKENS, secret
from tests.support.http_system import HttpSystem
from tests.support.processes import Processes
from tests.support.stack import local_stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.stack import Stack

_COMMIT = ROOT / "tests/data/release-0.1.0/commit"
_PARTITIONS = 4


class Trial:
    """One fleet, and the steps of an upgrade."""

    def __init__(self, stack: Stack, home: Path, say: Callable[[str], None]) -> None:
        name = f"t{uuid.uuid4().hex[:10]}"
        self.settings = Settings(
            _env_file=None,
            kafka=stack.kafka,
            clickhouse=stack.clickhouse,
            database=name,
            topic_prefix=f"{name}.",
            partitions=_PARTITIONS,
            directory="open",
            data=home / "data",
            spool=home / "spool",
        )
        self.processes = Processes(home)
        self.fleet = Fleet(self.settings, self.processes, home)
        self.system = HttpSystem(self.settings, self.processes, home)
        self.say = say

    def begin(self, release: Release) -> None:
        """Install and start everything of a release."""
        self.fleet.run(release, "setup")
        asyncio.run(grant(self.settings, TOKENS["staff"], secret("staff")))
        for slot in self.fleet.slots:
            self.fleet.start(slot, release)
        self.say(f"running: {self.fleet.mixture()}")

    def upgrade(self, release: Release, load: Balanced, between: int) -> None:
        """Replace each part by the release's, with so many webhooks between two."""
        planned = self.fleet.run(release, "setup", "--plan").splitlines()
        done = self.fleet.run(release, "setup").splitlines()
        self.say(f"setup: {planned[-1]} Then: {done[-1]}")
        for part in ("sink", "worker", "gateway"):
            for slot in self.fleet.of(part):
                self.fleet.replace(slot, release)
                load.grows(between)
                self.fleet.require_running()
                self.say(f"{slot.name} replaced: {self.fleet.mixture()}")

    def go_back(self, old: Release, new: Release, load: Balanced, between: int) -> None:
        """Take one of each part back to the old release, a worker by SIGKILL, and then forward again."""
        for part in ("sink", "worker", "gateway"):
            slot = self.fleet.of(part)[0]
            self.fleet.replace(slot, old, kill=part == "worker")
            load.grows(between)
            self.fleet.require_running()
            self.say(f"{slot.name} went back: {self.fleet.mixture()}")
        for part in ("sink", "worker", "gateway"):
            slot = self.fleet.of(part)[0]
            self.fleet.replace(slot, new, kill=part == "worker")
            load.grows(between)
            self.fleet.require_running()
        self.say(f"forward again: {self.fleet.mixture()}")


def main(
    rate: Annotated[float, typer.Option(help="Webhooks per second.")] = 200,
    between: Annotated[int, typer.Option(help="Webhooks between two steps.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the load.")] = 1,
    commit: Annotated[str, typer.Option(help="The earlier release.")] = "",
) -> None:
    """Run the trial."""
    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {text}", markup=False)

    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        wanted = commit or _COMMIT.read_text().strip()
        old, new = earlier_release(wanted, home / "earlier"), Release("this")
        if old is None:
            say(f"skipped: this clone has not the commit {wanted} of the earlier release (a clone without history?)")
            return
        servers = stack.enter_context(local_stack(home / "stack"))
        (home / "system").mkdir()
        trial = Trial(servers, home / "system", say)
        stack.callback(trial.processes.end_all)
        stack.callback(trial.system.close)
        trial.begin(old)
        with Balanced(trial.fleet.addresses, rate, seed) as load:
            load.grows(between)
            trial.upgrade(new, load, between)
            trial.go_back(old, new, load, between)
        result = found(trial.system, load.accepted)
        say(
            f"{len(load.accepted)} webhooks accepted, {len(load.accepted) / load.seconds:.0f} a second, "
            f"{load.repeated} sent again while a gateway was replaced, refused: {load.refused[:3] or 'none'}"
        )
        say(
            f"{result.lost} lost, {result.twice} doubled, {result.dead} dead letters, ledger difference "
            f"{result.ledger}, {result.facts} facts of which {result.repeated_facts} are told twice"
        )
        say(check_recomputed(trial.system))
        sys.exit(0 if result.is_exact and not load.refused else 1)


if __name__ == "__main__":
    typer.run(main)
