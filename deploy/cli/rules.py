"""`rules get | put | test | history`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, out, run
from deploy.cli.ids import an_id
from deploy.cli.moments import ago
from deploy.cli.rule_doubts import agree_to, warn_of
from deploy.cli.rule_history import history, whoever_is_here
from deploy.cli.waiting import KAFKA, SERVERS, waiting
from operations.directory import load_reference
from operations.ignore_rules import replace_rules, rules_in_force
from operations.rule_trial import try_rules
from operations.wording import counted, unreadable
from schemas.reference.rule_marks import mark_of
from schemas.reference.rules import Rules, RulesError, validate
from streams.core.resolve import resolver

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["app"]

app = typer.Typer(help="An academy's ignore rules.", no_args_is_help=True)

_Academy = Annotated[int, typer.Argument(parser=an_id, metavar="ID", help="Academy id.")]


def _read(file: Path | None) -> Any:
    try:
        data = sys.stdin.buffer.read() if file is None or str(file) == "-" else file.read_bytes()
        return orjson.loads(data)
    except OSError as error:
        raise Failed(unreadable(file or "standard input", error)) from error
    except orjson.JSONDecodeError as error:
        message = f"{file or 'standard input'} is not JSON: {error}"
        raise Failed(message) from error


def _show(value: Any) -> None:
    out.print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), markup=False)


@app.command()
@waiting(KAFKA)
def get(academy: _Academy) -> None:
    """Print the rules in force."""
    _show(run(rules_in_force(settings(), academy)))


@app.command()
def put(
    academy: _Academy,
    file: Annotated[Path | None, typer.Argument(help="JSON file [default: standard input].")] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, whatever is odd about them.")] = False,
) -> None:
    """Replace the rules; in force everywhere within two seconds.

    Says what is odd about them, how many of LearnPack's webhooks of the last 7 days they would have ignored, and asks.
    Webhooks that were refused before any rule was asked are not counted. Rules that somebody else changes meanwhile
    stay as they are.
    """
    body = _read(file)
    try:
        cleaned = validate(body)
    except RulesError as error:
        raise Failed(error.text) from error
    current = settings()
    with waiting(SERVERS):
        seen = mark_of(run(rules_in_force(current, academy)))
        agree_to(current, academy, body, cleaned, yes=yes, can_ask=file is not None and str(file) != "-")
        run(replace_rules(current, academy, cleaned, whoever_is_here(), seen=seen))
    _show(cleaned)


async def _verdict(
    current: Settings, academy: int, payload: dict[str, Any], draft: dict[str, Any] | None
) -> str | None:
    reference = await load_reference(current)
    rules = reference.rules(academy) if draft is None else Rules.compile(draft)
    if rules is None:
        return None
    return rules.match(payload, resolver(reference, strict=current.directory == "strict"))


@app.command("test")
def try_out(
    academy: _Academy,
    file: Annotated[
        Path | None,
        typer.Argument(help="JSON file of one webhook's payload, with --since of the rules; - for standard input."),
    ] = None,
    *,
    draft: Annotated[Path | None, typer.Option(help="Rules to try in place of those in force.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Try on what was received since then: a span (7d, 12h) or an ISO 8601 date.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print what --since finds as JSON, for scripts.")] = False,
) -> None:
    """Say what rules would do with a webhook, or would have done with those received, without changing anything.

    With --since, webhooks that were refused before any rule was asked are not counted.
    """
    if since is not None:
        if file is not None and draft is not None:
            message = "with --since give the rules once: as FILE, as --draft or on standard input."
            raise typer.BadParameter(message)
        _on_received(academy, ago(since, "--since", datetime.now(UTC)), draft or file, json=json)
        return
    if file is None:
        message = "give the FILE of a payload, or --since for the webhooks that were received."
        raise typer.BadParameter(message)
    body = _read(file)
    if not isinstance(body, dict):
        message = f"{file} is not a JSON object."
        raise Failed(message)
    cleaned = None if draft is None else _draft(draft)
    with waiting(KAFKA):
        text = run(_verdict(settings(), academy, body, cleaned))
    out.print("It would be processed: no rule matches." if text is None else text, markup=False)


def _draft(file: Path | None) -> dict[str, Any]:
    body = _read(file)
    try:
        cleaned = validate(body)
    except RulesError as error:
        raise Failed(error.text) from error
    warn_of(body)
    return cleaned


def _on_received(academy: int, since: datetime, draft: Path | None, *, json: bool) -> None:
    current, rules = settings(), Rules.compile(_draft(draft))
    with waiting(SERVERS):
        trial = try_rules(current, academy, rules, run(load_reference(current)), since)
    if json:
        _show(trial.as_json())
        return
    out.print(
        f"{trial.ignored} of {counted(trial.webhooks, 'webhook')} of {trial.ignored_students} of "
        f"{counted(trial.students, 'student')} "
        f"would have been ignored, since {since:%Y-%m-%d %H:%M} UTC."
    )
    for text, count in trial.rules.most_common():
        out.print(f"{count:>9}  {text}", markup=False)
    if trial.ignored:
        became = ", ".join(f"{count} {verdict}" for verdict, count in trial.before.most_common())
        out.print(f"What became of them: {became}.")


app.command("history")(history)
