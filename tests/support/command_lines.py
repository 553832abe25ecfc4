"""Command lines of `learnpack-telemetry`, as pages and files of deployments have them, understood but not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer.main

from deploy.cli import app

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PROGRAM", "left_over"]

PROGRAM: Final = "learnpack-telemetry"


def left_over(words: Sequence[str]) -> list[str]:
    """What no command takes of the words after the program's name.

    Raises click's own errors for commands, options and arguments that there are not, or of the wrong number or kind.
    """
    name, rest = PROGRAM, list(words)
    command: Any = typer.main.get_command(app)
    context: Any = None
    while True:
        context = command.make_context(name, rest, context)
        rest = [*context._protected_args, *context.args]  # noqa: SLF001 - what is left for a group's command
        if not (hasattr(command, "resolve_command") and rest):
            return rest
        name, command, rest = command.resolve_command(context, rest)
