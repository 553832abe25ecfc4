"""A gateway of several processes: one address, one lock, one place for figures; a socket and a spool for each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import structlog

from deploy.run.forked import Forks
from deploy.run.restarts import RestartPolicy
from gateway.beats import Beats
from gateway.durable.places import locked, spool_of, take_over
from gateway.errors import SpoolError
from gateway.member import Member
from gateway.server import BindError, listen_together
from gateway.shared_metrics import clear_figures, forget_process
from schemas.exits import ExitCode
from schemas.wire.formats import NewerFormatError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.run.forked import Fork
    from schemas.settings import Settings

__all__ = ["run_processes"]

_FIGURES: Final = "figures"
# Connections to a process that has ended wait for the next one: they must not wait for long.
_POLICY: Final = RestartPolicy(first_delay=0.1, longest_delay=2.0)

_log: Final = structlog.stdlib.get_logger("gateway")


def run_processes(settings: Settings, processes: int, run: Callable[[Member], int], ready_file: Path | None) -> int:
    """Run so many processes of a gateway until told to end; the exit code.

    `run` is what each of them does. `ready_file` is there, with this process's id, from when all of them are ready
    until none is.
    """
    try:
        with locked(settings.spool):
            moved = take_over(settings.spool, processes)
            if moved:
                _log.info("the first process takes over what others have left in their spools", files=moved)
            return _run(settings, processes, run, ready_file)
    except (BindError, NewerFormatError, SpoolError) as error:
        _log.critical("gateway stopped", reason=str(error))
        return ExitCode.FAILED


def _run(settings: Settings, processes: int, run: Callable[[Member], int], ready_file: Path | None) -> int:
    figures = settings.spool / _FIGURES
    clear_figures(figures)
    listeners = listen_together(settings.gateway_bind, processes)
    beats = Beats(processes)

    def work(fork: Fork) -> int:
        for listener in (*listeners[: fork.number - 1], *listeners[fork.number :]):
            # Or the kernel would go on dealing connections to one that has ended, for as long as this one lives.
            listener.close()
        spool = spool_of(settings.spool, fork.number, processes)
        return run(Member(fork.number, processes, listeners[fork.number - 1], spool, figures, beats, fork.tell_ready))

    def all_ready() -> None:
        if ready_file is not None:
            ready_file.write_text(f"{os.getpid()}\n")
        _log.info("gateway accepts webhooks", address=settings.gateway_bind, processes=processes)

    def none_ready() -> None:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)

    def close() -> None:
        # Who ends takes no connection any more, nor does one wait that nobody would take.
        for listener in listeners:
            listener.close()

    forks = Forks(
        "gateway",
        processes,
        work,
        all_ready=all_ready,
        none_ready=none_ready,
        ended=lambda number: forget_process(figures, number),
        policy=_POLICY,
    )
    try:
        code = forks.run(close)
    finally:
        close()
        none_ready()
    if not code:
        _log.info("gateway ended", processes=processes)
    return code
