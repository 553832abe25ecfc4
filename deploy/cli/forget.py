"""`forget --student ID`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, err, out, run
from operations.forgetting.forget import forget as forget_student

if TYPE_CHECKING:
    from operations.forgetting.found import Found

__all__ = ["register"]


def forget(
    *,
    student: Annotated[str, typer.Option(help="User id, or the name that a notebook knows the student by.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Erase a student from state, directory and tables, and tell what Kafka's logs still hold until when."""

    def agreed(found: Found) -> bool:
        err.print(f"{', '.join(found.actors)}: {found.total} rows", style="dim", markup=False)
        return yes or typer.confirm(f"Erase student {student}? It cannot be undone", err=True)

    done = run(forget_student(settings(), student, agreed, lambda text: err.print(text, style="dim", markup=False)))
    if done is None:
        message = "nothing was erased."
        raise Failed(message)
    if json:
        out.print(orjson.dumps(asdict(done), option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    out.print(f"Erased: {', '.join(done.actors)}", markup=False)
    for table, count in sorted(done.rows.items()):
        out.print(f"{count:>9}  rows of {table}, deleted", markup=False)
    for topic, count in sorted(done.tombstones.items()):
        out.print(f"{count:>9}  tombstones in {topic}; the broker compacts it within hours", markup=False)
    for topic, end in sorted(done.until.items()):
        out.print(f"still in {topic}, until {end}", markup=False)
    without = " ".join(f"--without {shlex.quote(actor)}" for actor in done.actors)
    out.print(f"Sooner, and before any replay: learnpack-telemetry raw copy NAME {without}", markup=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(forget)
