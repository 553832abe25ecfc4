"""Ends of parts as Prometheus is told them."""

from __future__ import annotations

from prometheus_client.exposition import generate_latest

from deploy.run.metrics import SUPERVISOR, unended
from schemas.exits import ExitCode


def test_every_usual_end_is_counted_from_the_first() -> None:
    """What is there at 0 before it happens is seen to rise by it: of each part, exit codes and signals."""
    # Names of no other test, whose parts may have ended in this process.
    names = ["counted-first", "counted-second"]
    unended(names)
    told = generate_latest(SUPERVISOR.registry).decode()

    for part in names:
        for code in (*(str(int(one)) for one in ExitCode), "SIGKILL", "SIGTERM", "SIGSEGV"):
            assert f'telemetry_supervisor_restarts_total{{code="{code}",part="{part}"}} 0.0\n' in told
