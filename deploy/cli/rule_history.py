"""`rules history`, and who it says has used a command."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from json import dumps
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer
from rich.markup import escape

from deploy.cli.configuration import settings
from deploy.cli.console import out, run
from deploy.cli.ids import an_id
from deploy.cli.waiting import KAFKA, waiting
from operations.cut import cut_text
from operations.ignore_rules import read_changes
from operations.tables import WholeTable
from schemas.times import sql_time
from schemas.wire.rule_changes import Changer

if TYPE_CHECKING:
    from schemas.wire.rule_changes import RuleChange

__all__ = ["history", "whoever_is_here"]

_LONGEST: Final = 400


def whoever_is_here() -> Changer:
    """Who uses this command: the user that this machine knows, where it knows one."""
    try:
        name: str | None = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number.
        name = None
    return Changer(via="command-line", name=name)


@waiting(KAFKA)
def history(
    *,
    academy: Annotated[int | None, typer.Option(parser=an_id, metavar="ID", help="Of this academy alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many, the newest.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Say who changed ignore rules, when, from what to what; the newest first."""
    changes = run(read_changes(settings(), academy, limit))
    if json:
        shown = orjson.dumps([_plain(change) for change in changes], option=orjson.OPT_INDENT_2)
        out.print(shown.decode(), markup=False)
        return
    if not changes:
        out.print("No change of rules is known.")
        return
    table = WholeTable("when (UTC)", "academy", "who", "before", "after", unbroken=("when (UTC)", "academy"))
    for change in changes:
        at, rules = sql_time(change.at)[:19], (_text(change.before), _text(change.after))
        table.add_row(at, str(change.academy), escape(_who(change.who)), *rules)
    out.print(table)


def _who(who: Changer) -> str:
    user = None if who.user_id is None else f"user {who.user_id}"
    token = None if who.token is None else f"token {who.token}"
    return ", ".join(filter(None, (who.name, user, token))) or who.via


def _text(rules: dict[str, Any] | None) -> str:
    if rules is None:
        return "not kept"
    return escape(cut_text(dumps(rules, ensure_ascii=False), _LONGEST))


def _plain(change: RuleChange) -> dict[str, Any]:
    who = change.who
    return {
        "at": datetime.fromtimestamp(change.at / 1000, UTC).isoformat(timespec="milliseconds"),
        "academy": change.academy,
        "who": {"via": who.via, "user_id": who.user_id, "token": who.token, "name": who.name},
        "before": change.before,
        "after": change.after,
    }
