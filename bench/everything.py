"""All measurements of docs/performance.md in a row: `uv run --group bench python -m bench.everything [--write]`.

Each is a command of its own and a process of its own, with sizes for two cores and about 20 minutes together. The first
one looks at the load, the others whether the processors are idle: the load still remembers the command before.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Annotated, Final

import typer

from bench.machine import MOST_BUSY, MOST_LOAD, busy, load

__all__ = ["COMMANDS"]

# In the order of what is worth most, should the time run out.
COMMANDS: Final[dict[str, list[str]]] = {
    "freshness": [],
    "worker": ["--events", "30000", "--batches", "3000", "--rounds", "1"],
    "chassis": ["--rounds", "1"],
    "sink": ["--rows", "300000", "--rates", ""],
    "gateway": ["--seconds", "4"],
    "replay": [],
    "copying": [],
    "importing": ["--rows", "100000"],
    "state": ["--webhooks", "100000"],
    "core": [],
    "insights": ["--rounds", "10"],
}
_REST_S: Final = 60


def main(
    *,
    write: Annotated[bool, typer.Option(help="Put the figures into docs/performance.md.")] = False,
    only: Annotated[str, typer.Option(help="Names of measurements, with commas between; all of them without.")] = "",
    patience: Annotated[float, typer.Option(help="Minutes to wait until the load is low enough to write.")] = 5,
) -> None:
    """Run them one after another; one that fails does not keep the next from running."""
    chosen = [name.strip() for name in only.split(",") if name.strip()] or list(COMMANDS)
    if unknown := [name for name in chosen if name not in COMMANDS]:
        message = f"there is no measurement {', '.join(unknown)}; there are {', '.join(COMMANDS)}"
        raise typer.BadParameter(message)
    failed = []
    if write:
        _quiet(patience * 60)
    for number, name in enumerate(name for name in COMMANDS if name in chosen):
        options = [*COMMANDS[name], *(["--write"] if write else []), *(["--in-a-row"] if write and number else [])]
        if number:
            _rest()
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", f"bench.{name}", *options], check=False)
        print(f"{name}: {time.monotonic() - began:.0f} s, exit {done.returncode}\n", file=sys.stderr, flush=True)
        if done.returncode:
            failed.append(name)
        if done.returncode and not number:
            break
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _quiet(seconds: float) -> None:
    """Until the load is low enough; after so many seconds the first command says what is to be done."""
    end = time.monotonic() + seconds
    if load() > MOST_LOAD:
        print(f"waiting up to {seconds:.0f} s for a load of {MOST_LOAD} or less", file=sys.stderr, flush=True)
    while load() > MOST_LOAD and time.monotonic() < end:
        time.sleep(1)


def _rest() -> None:
    """Until the processors are idle, a minute at most: the command before leaves nothing, but the system may write."""
    end = time.monotonic() + _REST_S
    while busy() > MOST_BUSY / 2 and time.monotonic() < end:
        pass


if __name__ == "__main__":
    typer.run(main)
