"""`token create | list | revoke`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.markup import escape

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, err, out, run
from deploy.cli.ids import an_id
from deploy.cli.moments import ahead
from deploy.cli.waiting import KAFKA, waiting
from operations.tables import WholeTable
from operations.tokens import CAPABILITIES, NewToken, grant, list_tokens, revoke_token
from schemas.reference.tenancy import REPORT_FOR_ANYONE
from schemas.times import sql_time

__all__ = ["app"]

_NO_ACADEMY: Final = (
    "warning: without --academy ID no academy's staff see what comes in with this key, unless the document names one "
    "or the gateway has TELEMETRY_DEFAULT_ACADEMY."
)

app = typer.Typer(help="Personal tokens and write-only ingest keys.", no_args_is_help=True)


# The last is for whoever brings a log from elsewhere, and for nobody who sends day by day.
_GRANTED: Final = (*CAPABILITIES, REPORT_FOR_ANYONE)


@app.command()
@waiting(KAFKA)
def create(
    *,
    user: Annotated[int | None, typer.Option(parser=an_id, metavar="ID", help="User id of a personal token.")] = None,
    ingest: Annotated[
        bool, typer.Option("--ingest", help="A write-only key for learn.json, bound to no student.")
    ] = False,
    academy: Annotated[
        list[int] | None, typer.Option(parser=an_id, metavar="ID", help="Academy in which it holds; repeatable.")
    ] = None,
    capability: Annotated[
        list[str] | None, typer.Option(help=f"What it may do there, of: {', '.join(_GRANTED)}. Repeatable.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="A span (90d, 12h, 30m) or an ISO 8601 date.")] = None,
    label: Annotated[str, typer.Option(help="A name that `token list` shows.")] = "",
) -> None:
    """Make a token and print it once; only its SHA-256 is kept."""
    if ingest == (user is not None):
        message = "give either --user ID or --ingest."
        raise typer.BadParameter(message)
    if ingest and capability:
        message = "an ingest key can only write; leave --capability out."
        raise typer.BadParameter(message)
    if unknown := sorted(set(capability or ()) - set(_GRANTED)):
        message = f"unknown capability {unknown[0]}; known: {', '.join(_GRANTED)}."
        raise typer.BadParameter(message)
    if capability and not academy:
        message = "--capability needs --academy ID, for capabilities hold in an academy."
        raise typer.BadParameter(message)
    now = datetime.now(UTC)
    until = None if expires is None else ahead(expires, "--expires", now)
    token = NewToken(user, {number: tuple(capability or ()) for number in academy or ()}, now, until, label)
    current = settings()
    if ingest and not academy and current.default_academy is None:
        err.print(_NO_ACADEMY, markup=False)
    secret = run(grant(current, token))
    out.print(secret, markup=False)
    err.print("This is the only time the token is shown; it is in force within two seconds.", style="dim")


@app.command("list")
@waiting(KAFKA)
def list_() -> None:
    """Show all tokens in force, by the beginning of their SHA-256."""
    table = WholeTable("SHA-256", "kind", "user", "academies", "expires", "label", unbroken=("SHA-256",))
    for token in run(list_tokens(settings())):
        academies = "; ".join(
            f"{academy}: {', '.join(sorted(names)) or 'upload'}" for academy, names in sorted(token.academies.items())
        )
        table.add_row(
            token.sha256[:16],
            "ingest" if token.ingest else "personal",
            "" if token.user_id is None else str(token.user_id),
            academies,
            "never" if token.expires_at is None else sql_time(token.expires_at // 1000)[:19],
            escape(token.label or ""),
        )
    out.print(table)


@app.command()
@waiting(KAFKA)
def revoke(token: Annotated[str, typer.Argument(help="Its secret, or the beginning of its SHA-256.")]) -> None:
    """End a token, everywhere within two seconds.

    One that the LMS has, too, stays ended here, whatever `directory sync` finds; end it there as well.
    """
    ended = run(revoke_token(settings(), token))
    if not ended.sha256:
        message = "nothing was revoked."
        raise Failed(message)
    out.print(f"revoked {ended.sha256[:16]}")
