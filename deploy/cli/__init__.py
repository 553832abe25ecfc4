"""The command `learnpack-telemetry`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.markup import escape

from deploy.cli.commands import Commands
from deploy.cli.console import err, exit_code
from deploy.cli.first_process import end_on_sigterm
from schemas.errors import OperatorError

__all__ = ["app", "main"]

app = typer.Typer(
    name="learnpack-telemetry",
    cls=Commands,
    help="Learner telemetry: LearnPack webhooks in, exact counts in ClickHouse out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_verbose = False


@app.callback()
def _options(
    *, verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")] = False
) -> None:
    global _verbose  # noqa: PLW0603 - an option of the process
    _verbose = verbose
    if not verbose:
        from deploy.run.logs import silence_logging  # noqa: PLC0415 - a list of the commands needs no log

        silence_logging()


def _explain(error: Exception) -> str:
    if isinstance(error, OperatorError):
        return str(error)
    # Only who has something to explain waits for the libraries.
    from deploy.cli.explaining import explain_server  # noqa: PLC0415

    if told := explain_server(error):
        return told
    if isinstance(error, OSError) and error.filename and error.strerror:
        # Its own text has a number that says nothing.
        return f"{os.fsdecode(error.filename)}: {error.strerror} (--verbose shows where)"
    return f"{type(error).__name__}: {error} (--verbose shows where)"


def main() -> None:
    """Run the command; exit code 0 when done, 1 when it failed (or what `failing_with` says), 2 for wrong usage."""
    end_on_sigterm()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if _verbose:
            raise
        err.print(f"[red]error:[/] {escape(_explain(error))}")
        sys.exit(exit_code(error))
