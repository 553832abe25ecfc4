"""`forward`: the part that tells others over HTTP; `forward pause | resume | status | secret`."""

from __future__ import annotations

import base64
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import orjson
import typer
from rich.markup import escape

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, out, run
from deploy.cli.waiting import KAFKA, waiting
from operations.forwarding import begun, forwarders, state_of
from operations.tables import WholeTable
from operations.wording import counted
from schemas.wire.forwarding import Pause
from sinks.forward.control import write_pause

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["app"]

_SECRET_BYTES: Final = 32

app = typer.Typer(invoke_without_command=True)

_Name = Annotated[str | None, typer.Option(help="Of which forwarder; TELEMETRY_FORWARD_NAME without it.")]


@app.callback()
def forward(
    context: typer.Context,
    *,
    url: Annotated[str | None, typer.Option(help="Where to post: https://HOST/PATH.")] = None,
    kinds: Annotated[str | None, typer.Option(help="What to tell: completions, stuck, or both with a comma.")] = None,
    name: Annotated[
        str | None, typer.Option(help="What the forwarder is called; each address has a name of its own.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="A file that exists while the part is ready: for supervisors and probes.")
    ] = None,
) -> None:
    """Tell others over HTTP who finished a tutorial or is stuck, as signed webhooks.

    Signatures are those of Standard Webhooks, with TELEMETRY_FORWARD_SECRET.
    """
    if context.invoked_subcommand is not None:
        if url or kinds or name or ready_file:
            message = f"options of `forward` itself do not go with `forward {context.invoked_subcommand}`."
            raise typer.BadParameter(message)
        return
    from deploy.run.logs import configure_logging  # noqa: PLC0415 - the part's alone
    from deploy.run.parts import run_forward  # noqa: PLC0415 - each part loads only its own libraries

    options = {"forward_url": "--url", "forward_kinds": "--kinds", "forward_name": "--name"}
    current = settings(options=options, forward_url=url, forward_kinds=kinds, forward_name=name)
    if current.forward_url is None:
        message = "say where to: --url https://HOST/PATH, or TELEMETRY_FORWARD_URL."
        raise Failed(message)
    if current.forward_secret is None:
        message = "set TELEMETRY_FORWARD_SECRET, which the receiver knows too: `forward secret` makes one."
        raise Failed(message)
    configure_logging(current)
    raise typer.Exit(run_forward(current, ready_file))


@app.command()
def secret() -> None:
    """Make a secret for TELEMETRY_FORWARD_SECRET and the receiver; it is kept nowhere."""
    out.print(f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}", markup=False)


@app.command()
@waiting(KAFKA)
def pause(
    *,
    name: _Name = None,
    reason: Annotated[str, typer.Option(help="Why, for whoever asks later.")] = "by an operator",
) -> None:
    """Post nothing more, over restarts, until `forward resume`; what comes meanwhile waits in Kafka."""
    current = settings(options={"forward_name": "--name"}, forward_name=name)
    value = Pause(reason=reason[:500], at=time.time_ns() // 1_000_000)
    _put(current, value, "is paused; what waits stays in Kafka.", "will be paused")


@app.command()
@waiting(KAFKA)
def resume(*, name: _Name = None) -> None:
    """Go on after a pause, by `forward pause` or the receiver's 410; what waits for the receiver is tried at once."""
    current = settings(options={"forward_name": "--name"}, forward_name=name)
    _put(current, None, "goes on.", "will not be paused")


def _put(current: Settings, value: Pause | None, done: str, will: str) -> None:
    """Put a pause in force, or take it back, and say so of the name, whether it has begun or not."""
    name = current.forward_name
    names = run(begun(current))
    run(write_pause(current, name, value))
    if name in names:
        out.print(f"The forwarder {name} {done}", markup=False)
        return
    others = f"those that have begun: {', '.join(sorted(names))}" if names else "nor has any other"
    out.print(f"No forwarder {name} has begun ({others}); one that is started by that name {will}.", markup=False)


@app.command()
@waiting(KAFKA)
def status(*, json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False) -> None:
    """Show the forwarders: whether they run, whether they are paused and why, what waits and for how long."""
    found = run(forwarders(settings()))
    if json:
        out.print(orjson.dumps(msgspec.to_builtins(found), option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    if not found:
        out.print("No forwarder has begun yet.")
        return
    table = WholeTable("forwarder", "processes", "topic", "waits", "for", "state", right=("processes", "waits", "for"))
    for one in found:
        for topic, waits, seconds in [(lag.topic, lag.lag, lag.seconds) for lag in one.lag] or [("", 0, 0.0)]:
            row = (one.name, str(one.members), topic, str(waits), _span(seconds), state_of(one))
            table.add_row(*map(escape, row))
    out.print(table)


def _span(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004 - of minutes two are the first that say more
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    return counted(minutes, "minute") if minutes < 120 else counted(minutes // 60, "hour")  # noqa: PLR2004 - as above
