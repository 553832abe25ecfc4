"""`acls`: what each part may do in Kafka, for an administrator of the brokers."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Annotated

import orjson
import typer

from deploy.cli.configuration import settings
from deploy.cli.console import out, run
from deploy.cli.waiting import KAFKA, waiting
from operations.acls import Part, acls_of, principal_of
from operations.granting import grant_rights, tool_command
from operations.wording import counted

__all__ = ["register"]


@waiting(KAFKA)
def acls(
    *,
    part: Annotated[Part | None, typer.Option(help="Of this part; without it, of all.")] = None,
    principal: Annotated[
        str | None, typer.Option(help="Whom Kafka knows the part by; User:telemetry-PART without it.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Give these rights, as the administrator of the settings.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Print what each part may do in Kafka, as commands of Kafka's tools, or let it."""
    if principal is not None and part is None:
        message = "--principal is one part's: name that with --part."
        raise typer.BadParameter(message)
    current = settings()
    rights = {one: acls_of(one, current) for one in ((part,) if part else Part)}
    names = {one: principal or principal_of(one) for one in rights}
    if apply:
        for one, needed in rights.items():
            count = run(grant_rights(current, needed, names[one]))
            out.print(f"{names[one]} may do what the {one} needs: {counted(count, 'rule')}", markup=False)
    elif json:
        told = [
            {"part": one, "principal": names[one], **asdict(right)}
            for one, needed in rights.items()
            for right in needed
        ]
        out.print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode(), markup=False)
    else:
        for one, needed in rights.items():
            out.print(f"# {one}", markup=False)
            for right in needed:
                out.print(f"# {right.reason}", markup=False)
                out.print(shlex.join(tool_command(right, names[one], current.kafka)), markup=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(acls)
