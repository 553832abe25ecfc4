"""`send`: post documents and webhooks to a gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import SecretStr
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, err, out, run
from deploy.demo.documents import FileError, read_webhooks
from deploy.demo.sending import send_webhooks
from operations.bars import bars
from operations.wording import counted

__all__ = ["register"]

_SENDING: Final = "sending"


def send(
    paths: Annotated[list[Path], typer.Argument(help="Documents (JSON) or webhooks (NDJSON), gzipped if you like.")],
    *,
    url: Annotated[str | None, typer.Option(help="The gateway's address [default: TELEMETRY_GATEWAY_URL].")] = None,
    token: Annotated[str | None, typer.Option(help="The token to send with [default: TELEMETRY_TOKEN].")] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Posts per second at most.")] = None,
) -> None:
    """Post telemetry documents or webhooks as LearnPack would."""
    secret = None if token is None else SecretStr(token)
    current = settings(options={"gateway_url": "--url", "token": "--token"}, gateway_url=url, token=secret)
    if current.token is None:
        message = "no token: give --token or set TELEMETRY_TOKEN (`up` writes one to DIR/env)."
        raise Failed(message)
    # Files are read twice, so that no more than one is in memory and nothing is sent of any where one has a mistake.
    once = None if all(path.is_file() for path in paths) else list(_bodies(paths))
    total = sum(1 for _ in _bodies(paths)) if once is None else len(once)
    with bars(err, MofNCompleteColumn, TimeRemainingColumn) as progress:
        task = progress.add_task(_SENDING, total=total)

        def sent() -> None:
            progress.update(task, advance=1, description=_SENDING)

        def waiting(seconds: float, status: int) -> None:
            progress.update(task, description=f"waiting {seconds:.0f} s, for the gateway answers {status}")

        answers = run(
            send_webhooks(
                _bodies(paths) if once is None else once,
                current.gateway_url,
                current.token.get_secret_value(),
                rate=rate,
                sent=sent,
                waiting=waiting,
            )
        )
    for answer, count in answers.most_common():
        out.print(f"{count} x {answer}", markup=False)
    refused = sum(count for answer, count in answers.items() if not answer.startswith("200"))
    if refused:
        were = "was" if refused == 1 else "were"
        message = f"{refused} of {counted(total, 'webhook')} {were} refused; the answers above say why."
        raise Failed(message)


def _bodies(paths: list[Path]) -> Iterator[bytes]:
    try:
        for path in paths:
            yield from read_webhooks(path)
    except FileError as error:
        raise Failed(str(error)) from error


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(send)
