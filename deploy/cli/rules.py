"""`rules get | put | test`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from deploy.cli.console import Failed, out, run, settings
from deploy.reference import load_reference, publish_reference
from schemas.rules import Rules, RulesError, validate
from schemas.topics import Topics
from streams.core.resolve import resolver

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["app"]

app = typer.Typer(help="An academy's ignore rules.", no_args_is_help=True)

_Academy = Annotated[int, typer.Argument(min=0, help="Academy id.")]


def _read(file: Path | None) -> Any:
    try:
        data = sys.stdin.buffer.read() if file is None or str(file) == "-" else file.read_bytes()
        return orjson.loads(data)
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}"
        raise Failed(message) from error
    except orjson.JSONDecodeError as error:
        message = f"{file or 'standard input'} is not JSON: {error}"
        raise Failed(message) from error


def _show(value: Any) -> None:
    out.print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), markup=False)


@app.command()
def get(academy: _Academy) -> None:
    """Print the rules in force."""
    rules = run(load_reference(settings())).rules(academy)
    _show({} if rules is None else rules.stored)


@app.command()
def put(
    academy: _Academy, file: Annotated[Path | None, typer.Argument(help="JSON file; standard input without.")] = None
) -> None:
    """Replace the rules; in force everywhere within two seconds."""
    try:
        cleaned = validate(_read(file))
    except RulesError as error:
        raise Failed(error.text) from error
    current = settings()
    record = (b"%d" % academy, orjson.dumps(cleaned) if cleaned else None)
    run(publish_reference(current, Topics.of(current).ignore_rules, [record]))
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
    payload: Annotated[Path, typer.Argument(help="JSON file of one webhook's payload; - for standard input.")],
    *,
    draft: Annotated[Path | None, typer.Option(help="Rules to try in place of those in force.")] = None,
) -> None:
    """Say what the rules would do with a webhook, without sending it."""
    body = _read(payload)
    if not isinstance(body, dict):
        message = f"{payload} is not a JSON object."
        raise Failed(message)
    try:
        cleaned = None if draft is None else validate(_read(draft))
    except RulesError as error:
        raise Failed(error.text) from error
    text = run(_verdict(settings(), academy, body, cleaned))
    out.print("It would be processed: no rule matches." if text is None else text, markup=False)
