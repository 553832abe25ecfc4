"""`gateway`, `worker`, `sink`, `setup`: the parts of a cluster, one process each, configured by environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

from deploy.cli.configuration import log_settings, settings
from deploy.cli.console import out, run
from deploy.cli.waiting import SERVERS, waiting
from deploy.run.logs import configure_logging
from operations.descriptors import require_descriptors
from operations.generations.journal import live_settings
from operations.roles import ANALYST, application_statements, role_statements
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


@waiting(SERVERS)
def setup(
    *,
    roles: Annotated[
        bool, typer.Option("--roles", help="Print the roles of parts and analysts as SQL; change nothing.")
    ] = False,
) -> None:
    """Create or upgrade topics and tables; doing it again changes nothing."""
    if roles:
        _print_roles(settings())
        return
    from operations.installing import set_up  # noqa: PLC0415 - each part loads only its own libraries

    done = run(set_up(run(live_settings(log_settings()))))
    for line in done:
        out.print(line, markup=False)
    out.print(f"{len(done)} changes" if done else "Everything is up to date.")


def _print_roles(current: Settings) -> None:
    installation = Installation.of(current)
    user = unquote(urlsplit(current.clickhouse.get_secret_value()).username or "default").replace("`", "``")
    for about, statements in (
        ("What the parts need, for the user of TELEMETRY_CLICKHOUSE", application_statements(installation, user)),
        (f"What analysts read: GRANT {ANALYST} TO each of them", role_statements(installation)),
    ):
        out.print(f"-- {about}", markup=False)
        for statement in statements:
            out.print(f"{statement};", markup=False)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (gateway, worker, sink, setup):
        app.command()(command)
