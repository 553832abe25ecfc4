"""`dead-letters list | show | retry | drop`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import orjson
import typer
from rich.markup import escape

from deploy.cli.configuration import live_settings
from deploy.cli.console import Failed, out, run
from deploy.cli.waiting import SERVERS, waiting
from operations.dead_letters import DeadLetter, Resolved, drop, find_letters, letter_value, retry
from operations.tables import WholeTable

__all__ = ["app"]

app = typer.Typer(help="Records that could not be processed, and why.", no_args_is_help=True)

_Ids = Annotated[list[int] | None, typer.Argument(min=0, help="Ids that `dead-letters list` shows.")]
_All = Annotated[bool, typer.Option("--all", help="All that wait.")]
_Topic = Annotated[str, typer.Option(help="Of all, those from this topic only.")]


def _shortened(text: str, limit: int = 100) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


@app.command("list")
@waiting(SERVERS)
def list_(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those retried and dropped as well.")] = False,
    topic: Annotated[str, typer.Option(help="Those from this topic only.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the newest first.")] = 50,
    skip: Annotated[int, typer.Option(min=0, help="Leave out so many of the newest: the next page.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show the dead letters that wait, the newest first."""
    letters = find_letters(live_settings(), resolved=everything, topic=topic, limit=limit + 1, skip=skip)
    more = len(letters) > limit
    del letters[limit:]
    if json:
        out.print(
            orjson.dumps([asdict(letter) for letter in letters], option=orjson.OPT_INDENT_2).decode(), markup=False
        )
        return
    if not letters:
        out.print("No dead letters." if everything else _none_waits(topic), markup=False)
        return
    table = WholeTable("id", "at (UTC)", "from", "stage", "reason", "became", unbroken=("id",))
    for letter in letters:
        reason = escape(_shortened(letter.reason))
        table.add_row(
            str(letter.id), letter.received_at, escape(letter.origin), letter.stage, reason, letter.resolution
        )
    out.print(table)
    if more:
        out.print(f"There are more: --skip {skip + limit}", markup=False)


@app.command()
def show(
    letter: Annotated[int, typer.Argument(min=0, help="Id that `dead-letters list` shows.")],
    *,
    value: Annotated[bool, typer.Option("--value", help="Print the record's value instead, byte for byte.")] = False,
) -> None:
    """Show one dead letter: origin, reason, traceback."""
    with waiting(SERVERS):
        current = live_settings()
        (dead_letter,) = find_letters(current, [letter], resolved=True)
        content = run(letter_value(current, dead_letter)) if value else None
    if content is not None:
        sys.stdout.buffer.write(content)
        if sys.stdout.isatty() and not content.endswith(b"\n"):
            # Else the prompt would stand at its end; a file gets what the record has, and no more.
            sys.stdout.buffer.write(b"\n")
        return
    for name, text in (
        ("id", dead_letter.id),
        ("from", dead_letter.origin),
        ("at (UTC)", dead_letter.received_at),
        ("stage", dead_letter.stage),
        ("reason", dead_letter.reason),
        ("value", f"{dead_letter.size} bytes (--value prints them)"),
        ("became", dead_letter.resolution or "waits"),
    ):
        out.print(f"{name:<10}{text}", markup=False)
    if dead_letter.traceback:
        out.print(f"\n{dead_letter.traceback}", markup=False)


def _chosen(ids: list[int] | None, topic: str, *, everything: bool) -> list[DeadLetter]:
    if bool(ids) == everything:
        message = "give either ids or --all."
        raise typer.BadParameter(message)
    if topic and not everything:
        message = "--topic goes with --all."
        raise typer.BadParameter(message)
    return find_letters(live_settings(), ids or (), topic=topic, brief=True)


def _none_waits(topic: str) -> str:
    """What is said where there is none, of this topic or of all."""
    return f"No dead letter from {topic} waits." if topic else "No dead letter waits."


def _tell(done: Resolved, what: str) -> None:
    """Print what became of dead letters; raises Failed with what was left as it is."""
    if done.count or not done.left:
        out.print(what)
    if not done.left:
        return
    if len(done.left) == 1:
        raise Failed(done.left[0][1])
    for letter, reason in done.left:
        out.print(f"{letter.id}  left as it is: {reason}", markup=False)
    message = f"{len(done.left)} of {done.count + len(done.left)} dead letters are left as they are, see above."
    raise Failed(message)


@app.command("retry")
@waiting(SERVERS)
def retry_(ids: _Ids = None, *, everything: _All = False, topic: _Topic = "") -> None:
    """Send records again to the topics that they came from; a webhook keeps its id."""
    letters = _chosen(ids, topic, everything=everything)
    if not letters:
        out.print(_none_waits(topic), markup=False)
        return
    done = run(retry(live_settings(), letters))
    _tell(done, f"{done.count} sent again; what fails again is a new dead letter.")


@app.command("drop")
@waiting(SERVERS)
def drop_(ids: _Ids = None, *, everything: _All = False, topic: _Topic = "") -> None:
    """Give records up; they stay in the table, marked."""
    letters = _chosen(ids, topic, everything=everything)
    if not letters:
        out.print(_none_waits(topic), markup=False)
        return
    done = run(drop(live_settings(), letters))
    _tell(done, f"{done.count} dropped.")
