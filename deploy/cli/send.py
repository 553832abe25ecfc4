"""`send`: post documents and webhooks to a gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.cli.console import Failed, err, out, run, settings
from deploy.documents import FileError, read_webhooks
from deploy.sending import send_webhooks
from deploy.wording import counted

__all__ = ["register"]


def send(
    paths: Annotated[list[Path], typer.Argument(help="Documents (JSON) or webhooks (NDJSON), gzipped if you like.")],
    *,
    url: Annotated[str | None, typer.Option(help="Gateway; TELEMETRY_GATEWAY_URL without.")] = None,
    token: Annotated[str | None, typer.Option(help="Token; TELEMETRY_TOKEN without.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Posts per second at most.")] = None,
) -> None:
    """Post telemetry documents or webhooks as LearnPack would."""
    current = settings(gateway_url=url, token=None if token is None else SecretStr(token))
    if current.token is None:
        message = "no token: give --token or set TELEMETRY_TOKEN (`up` writes one to DIR/env)."
        raise Failed(message)
    try:
        bodies = [body for path in paths for body in read_webhooks(path)]
    except FileError as error:
        raise Failed(str(error)) from error
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err) as progress:
        task = progress.add_task("sending", total=len(bodies))
        answers = run(
            send_webhooks(
                bodies,
                current.gateway_url,
                current.token.get_secret_value(),
                rate=rate,
                sent=lambda: progress.advance(task),
            )
        )
    for answer, count in answers.most_common():
        out.print(f"{count} x {answer}", markup=False)
    refused = sum(count for answer, count in answers.items() if not answer.startswith("200"))
    if refused:
        were = "was" if refused == 1 else "were"
        message = f"{refused} of {counted(len(bodies), 'webhook')} {were} refused; the answers above say why."
        raise Failed(message)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(send)
