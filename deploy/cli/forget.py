"""`forget --student ID`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import orjson
import typer

from deploy.cli.configuration import log_settings
from deploy.cli.console import Failed, agreed, err, out, run
from deploy.cli.waiting import SERVERS, waiting
from operations.forgetting.forget import Forgotten
from operations.forgetting.forget import forget as forget_student
from operations.wording import counted

if TYPE_CHECKING:
    from operations.forgetting.found import Found

__all__ = ["register"]

_NOTHING: Final = (
    "There is nothing of {student}, and nothing was done. With --yes all steps are made all the same: where an earlier "
    "`forget` was interrupted, or webhooks are still on their way."
)


@waiting(SERVERS)
def forget(
    *,
    student: Annotated[str, typer.Option(help="User id, or the name that a notebook knows the student by.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Erase a student from state, directory and tables, and tell what Kafka's logs still hold until when."""
    nothing = False

    def allowed(stored: Found) -> bool:
        nonlocal nothing
        nothing = not stored.left and not stored.records
        if nothing and not yes:
            err.print(_NOTHING.format(student=student), markup=False)
            return False
        what = f"{counted(stored.total, 'row')} in ClickHouse, {counted(stored.records, 'record')} in the directory"
        err.print(f"{', '.join(stored.actors)}: {what}", style="dim", markup=False)
        return yes or agreed(f"Erase student {student}? It cannot be undone.")

    def say(text: str) -> None:
        err.print(text, style="dim", markup=False)

    done = run(forget_student(log_settings(), student, allowed, say))
    if done is None and nothing:
        done = Forgotten()
        if not json:
            return
    if done is None:
        message = "nothing was erased."
        raise Failed(message)
    if json:
        out.print(orjson.dumps(asdict(done), option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    _show(done)


def _show(done: Forgotten) -> None:
    out.print(f"Erased: {', '.join(done.actors)}", markup=False)
    for table, count in sorted(done.rows.items()):
        if count:
            out.print(f"{counted(count, 'row', '>9')} of {table}, deleted", markup=False)
    for topic, count in sorted(done.tombstones.items()):
        if count:
            out.print(
                f"{counted(count, 'tombstone', '>9')} in {topic}; the broker compacts it within hours", markup=False
            )
    for topic, end in sorted(done.until.items()):
        out.print(f"still in {topic}, until {end}", markup=False)
    out.print("As long as the LMS has the student, `import lms` and `directory sync` bring them back.", markup=False)
    without = " ".join(f"--without {shlex.quote(actor)}" for actor in done.actors)
    out.print(f"Sooner, and before any replay: learnpack-telemetry raw copy NAME {without}", markup=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(forget)
