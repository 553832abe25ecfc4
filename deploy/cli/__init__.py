"""The command `learnpack-telemetry`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError
from httpx import HTTPError
from rich.markup import escape

from deploy.cli import (
    archive,
    dead_letters,
    directory,
    doctor,
    forget,
    parts,
    raw,
    replay,
    rules,
    send,
    tokens,
    trace,
    up,
)
from deploy.cli import status as status_
from deploy.cli.console import Failed, err
from deploy.dead_letters import DeadLetterError
from deploy.local.errors import LocalStackError
from deploy.logs import silence_logging
from deploy.rawlog.errors import RawLogError
from deploy.supervisor import SupervisorError
from deploy.tokens import TokenError
from deploy.topics import TopicsError
from deploy.trace import TraceError
from schemas.generations import JournalError
from schemas.settings import SettingsError

__all__ = ["app", "main"]

app = typer.Typer(
    name="learnpack-telemetry",
    help="Learner telemetry: LearnPack webhooks in, exact counts in ClickHouse out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
up.register(app)
parts.register(app)
send.register(app)
app.add_typer(rules.app, name="rules")
app.add_typer(directory.app, name="directory")
app.add_typer(tokens.app, name="token")
app.add_typer(dead_letters.app, name="dead-letters")
archive.register(app)
archive.register_raw(raw.app)
app.add_typer(raw.app, name="raw")
app.add_typer(replay.app, name="replay")
status_.register(app)
trace.register(app)
doctor.register(app)
forget.register(app)

_EXPECTED = (
    DeadLetterError,
    Failed,
    JournalError,
    LocalStackError,
    RawLogError,
    SettingsError,
    SupervisorError,
    TokenError,
    TopicsError,
    TraceError,
)
_verbose = False


@app.callback()
def _options(
    *, verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")] = False
) -> None:
    global _verbose  # noqa: PLW0603 - an option of the process
    _verbose = verbose
    if not verbose:
        silence_logging()


def _explain(error: Exception) -> str:
    if isinstance(error, _EXPECTED):
        return str(error)
    if isinstance(error, KafkaError):
        return f"Kafka: {error}. Check TELEMETRY_KAFKA and that the broker runs."
    if isinstance(error, ClickHouseError):
        return f"ClickHouse: {str(error).splitlines()[0]}. Check TELEMETRY_CLICKHOUSE and that the server runs."
    if isinstance(error, HTTPError):
        return f"Gateway: {error!r}. Check TELEMETRY_GATEWAY_URL and that the gateway runs."
    return f"{type(error).__name__}: {error} (--verbose shows where)"


def main() -> None:
    """Run the command; exit code 0 when done, 1 when it failed, 2 for wrong usage."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if _verbose:
            raise
        err.print(f"[red]error:[/] {escape(_explain(error))}")
        sys.exit(1)
