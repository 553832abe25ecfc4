"""`gateway`, `worker`, `sink`, `monitor`, `setup`: the parts of a cluster, one process each, set by environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

from deploy.cli.configuration import log_settings, settings
from deploy.cli.console import Failed, out, run
from deploy.cli.waiting import SERVERS, waiting
from deploy.run.logs import configure_logging
from operations.descriptors import require_descriptors
from operations.generations.journal import live_settings
from operations.roles import ADMIN, statements
from operations.roles import roles as all_roles
from sinks.templates import Installation

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["register"]

_ReadyFile = Annotated[
    Path | None, typer.Option(help="A file that exists while the part is ready: for supervisors and probes.")
]


def gateway(
    *,
    processes: Annotated[
        int,
        typer.Option(min=1, max=64, help="How many processes share the address, each with a spool of its own."),
    ] = 1,
    ready_file: _ReadyFile = None,
) -> None:
    """Take webhooks over HTTP and answer the staff API."""
    from deploy.run.parts import run_gateway  # noqa: PLC0415 - each part loads only its own libraries

    require_descriptors("The gateway")
    current = settings()
    configure_logging(current)
    raise typer.Exit(run_gateway(current, ready_file, processes))


def worker(
    *,
    data: Annotated[Path | None, typer.Option(help="Directory of its state table; one per process.")] = None,
    ready_file: _ReadyFile = None,
) -> None:
    """Process webhooks: rules, deduplication, state, facts, scores."""
    from deploy.run.parts import run_worker  # noqa: PLC0415 - as above

    require_descriptors("The worker")
    current = settings()
    configure_logging(current)
    raise typer.Exit(run_worker(current, data or current.data / "worker", ready_file))


def sink(*, ready_file: _ReadyFile = None) -> None:
    """Insert facts, outcomes, scores, documents and raw webhooks into ClickHouse."""
    from deploy.run.parts import run_sink  # noqa: PLC0415 - as above

    require_descriptors("The sink")
    current = settings()
    configure_logging(current)
    raise typer.Exit(run_sink(current, ready_file))


def monitor() -> None:
    """Tell Prometheus of the whole: lag by group, ClickHouse's tables, the ledger, generations."""
    from deploy.run.parts import run_monitor  # noqa: PLC0415 - as above

    current = settings()
    if current.metrics_bind is None:
        message = "the monitor has nobody to tell: set TELEMETRY_METRICS_BIND, 0.0.0.0:9464 for one."
        raise Failed(message)
    configure_logging(current)
    raise typer.Exit(run_monitor(current))


@waiting(SERVERS)
def setup(
    *,
    roles: Annotated[
        bool, typer.Option("--roles", help="Print the roles of parts and analysts as SQL; change nothing.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what would be done, one line each; change nothing.")
    ] = False,
) -> None:
    """Create or upgrade topics and tables; doing it again changes nothing."""
    if roles:
        _print_roles(settings())
        return
    if plan:
        _print_plan(run(live_settings(log_settings())))
        return
    from operations.installing import set_up  # noqa: PLC0415 - each part loads only its own libraries

    done = run(set_up(run(live_settings(log_settings()))))
    for line in done:
        out.print(line, markup=False)
    out.print(f"{len(done)} changes" if done else "Everything is up to date.")


def _print_plan(current: Settings) -> None:
    from operations.planning import plan_setup  # noqa: PLC0415 - as above

    planned = run(plan_setup(current))
    for line in planned:
        out.print(line, markup=False)
    out.print("Leave everything else as it is; roles are an administrator's to make (setup --roles).", markup=False)
    out.print(f"{len(planned)} changes planned, nothing was changed." if planned else "Everything is up to date.")


def _print_roles(current: Settings) -> None:
    installation = Installation.of(current)
    user = unquote(urlsplit(current.clickhouse.get_secret_value()).username or "default").replace("`", "``")
    on_cluster = f" {installation.on_cluster}" if installation.on_cluster else ""
    for role in all_roles(installation):
        out.print(f"-- {role.about}: GRANT{on_cluster} {role.name} TO their users", markup=False)
        for statement in statements(installation, role):
            out.print(f"{statement};", markup=False)
    out.print("-- The user of TELEMETRY_CLICKHOUSE, who sets all up", markup=False)
    out.print(f"GRANT{on_cluster} {ADMIN} TO `{user}`;", markup=False)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (gateway, worker, sink, monitor, setup):
        app.command()(command)
