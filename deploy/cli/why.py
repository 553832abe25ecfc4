"""`why`: the terms that a student's scores add up from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer
from rich.markup import escape

from deploy.cli.configuration import settings
from deploy.cli.console import out, run
from deploy.cli.waiting import SERVERS, waiting
from gateway.reading.shown import full_name
from operations.cut import printable
from operations.insights import explain_work
from operations.tables import WholeTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["lines", "register"]

_MOVERS: Final = 5
_LONGEST: Final = 80
_HOUR, _MINUTE = 3600, 60


@waiting(SERVERS)
def why(
    student: Annotated[str, typer.Argument(help="A user id, or the name of a student who has none.")],
    tutorial: Annotated[str, typer.Argument(help="Its slug.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts: as the API gives it.")] = False,
) -> None:
    """Say why a student's scores in a tutorial are what they are: their terms, and the steps that moved each."""
    found = run(explain_work(settings(), student, tutorial))
    if json:
        out.print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    for line in lines(found):
        out.print(line, markup=False)
    for score in [] if found["explanation"] is None else found["explanation"]["scores"]:
        out.print(_table(score))


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What is printed before the terms: whose scores they are, and what else there is to say."""
    student, scores, explanation = found["student"], found["scores"], found["explanation"]
    names = full_name(student)
    whose = f"{found['actor']} ({names})" if names else found["actor"]
    yield f"student     {printable(whose)}"
    title = found["asset_title"]
    yield f"tutorial    {printable(found['asset_slug'])}{f' ({printable(title)})' if title else ''}"
    completion = "not known" if scores["completion"] is None else f"{scores['completion']:.2f} %"
    yield f"completion  {completion}"
    yield f"changed     {scores['updated_at'][:19].replace('T', ' ')} UTC, last there {_instant(scores)}"
    if explanation is None:
        yield "why         not known: there is no document, or it was scored by a version that is not here"
        return
    yield f"algorithm   {explanation['version']}, {explanation['steps']} steps"
    for score in explanation["scores"]:
        if not score["agrees"]:
            stored = "no value" if score["stored"] is None else f"{score['stored']:.2f}"
            yield (
                f"differs     {score['name']}: {stored} is stored; staff have set it, or the student has sent "
                "something meanwhile"
            )


def _instant(scores: Mapping[str, Any]) -> str:
    last = scores["last_interaction_at"]
    return "at a time that is not known" if last is None else f"{last[:19].replace('T', ' ')} UTC"


def _table(score: Mapping[str, Any]) -> WholeTable:
    table = WholeTable(
        "points",
        "of",
        "term",
        "value",
        "moved by",
        title=f"{score['name']} {score['value']:.2f}, the sum of",
        right=("points", "of"),
        unbroken=("value",),
    )
    for term in score["terms"]:
        table.add_row(
            f"{term['points']:.3f}",
            f"{100 * term['weight']:g}",
            escape(term["label"]),
            _value(term["value"], term["unit"]),
            escape(_moved(term["movers"])),
        )
    return table


def _value(value: float, unit: str) -> str:
    if unit == "percent":
        return f"{value:.1f} %"
    if unit == "seconds":
        minutes, seconds = divmod(round(abs(value)), _MINUTE)
        sign = "-" if value < 0 else ""
        return (
            f"{sign}{minutes // 60} h {minutes % 60:02} min"
            if abs(value) >= _HOUR
            else f"{sign}{minutes}:{seconds:02} min"
        )
    return f"{value:g}" if float(value).is_integer() else f"{value:.2f}"


def _moved(movers: list[dict[str, Any]]) -> str:
    """The steps that moved a term most, a line each, with their points; and all the others together."""
    ranked = sorted(movers, key=lambda mover: -abs(mover["points"]))
    shown = [f"{mover['points']:.3f} {_step(mover)}" for mover in ranked[:_MOVERS]]
    if others := ranked[_MOVERS:]:
        shown.append(f"{sum(mover['points'] for mover in others):.3f} {len(others)} more")
    return "\n".join(shown)


def _step(mover: Mapping[str, Any]) -> str:
    return printable(mover["slug"] or f"step {mover['position']}", _LONGEST)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(why)
