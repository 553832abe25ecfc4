"""`export xapi` and `export progsnap2`: facts in the forms of standards."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from deploy.cli.configuration import settings
from deploy.cli.console import err, out, run
from deploy.cli.moments import ago
from deploy.cli.waiting import CLICKHOUSE, KAFKA, waiting
from operations.bars import bars
from operations.clickhouse import connected
from operations.export.actors import Actors, As
from operations.export.address import Address, home_of
from operations.export.errors import explained
from operations.export.facts import Facts, Span
from operations.export.lrs import Lrs, Patience
from operations.export.progress_file import ProgressFile
from operations.export.progsnap import Form, write_dataset
from operations.export.progsnap_table import MainTable, subject_of
from operations.export.statements import Statements
from operations.export.xapi import Export, Sent
from operations.pseudonyms import keyed_settings
from operations.wording import counted
from schemas.times import sql_time
from schemas.wire.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.settings import Settings

__all__ = ["app"]

_EVER: Final = Span("1970-01-01 00:00:00.000")
_FOLLOWING: Final = "Following: facts are sent two and a half minutes after they are stored; Ctrl-C ends it."

app = typer.Typer(help="Facts as xAPI statements, or as ProgSnap2 tables.", no_args_is_help=True)

_Since = Annotated[
    str | None, typer.Option(help="Facts whose webhooks arrived since: a span (90d, 12h, 30m) or an ISO 8601 date.")
]
_Until = Annotated[str | None, typer.Option(help="And before then, likewise.")]
_Actors = Annotated[
    As, typer.Option("--actors", help="Who students are: pseudonyms by the system's key, or their user ids.")
]


@app.command()
def xapi(
    *,
    url: Annotated[str, typer.Option(help="The LRS, mostly an address that ends in /xAPI.")],
    since: _Since = None,
    until: _Until = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until Ctrl-C.")] = False,
    actors: _Actors = As.PSEUDONYMS,
    homepage: Annotated[
        str | None,
        typer.Option(help="How ids of students and tutorials begin; never change it. [default: TELEMETRY_GATEWAY_URL]"),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="The file that says how far it has come [default: one in TELEMETRY_DATA].")
    ] = None,
) -> None:
    """Send facts to a learning record store, each once; another run goes on from where the last one was."""
    if follow and until is not None:
        message = "--follow has no end: leave --until out."
        raise typer.BadParameter(message)
    current, span = settings(), _span(since, until)
    base = home_of(homepage or current.gateway_url)
    kept = ProgressFile(state or _state_of(current, Address.of(url)))
    # With an end what lies behind it is passed over: nobody could go on from there.
    apart = until is not None
    lrs = Lrs(url, _login(current), patience=Patience(longest=None) if follow else Patience(), say=_wait)
    with (
        explained(),
        contextlib.closing(lrs),
        contextlib.closing(connected(current)) as client,
        _held(kept, apart=apart),
    ):
        statements = Statements(base, _actors(current, actors))
        export = Export(Facts(client, span), statements, lrs, span.since, kept, apart=apart)
        if follow:
            err.print(_FOLLOWING)
            with contextlib.suppress(KeyboardInterrupt):
                export.follow(
                    _tell, lambda why, seconds: err.print(f"ClickHouse: {why}; asked again in {seconds:.0f} s.")
                )
            return
        _tell_all(_once(export))


@app.command()
@waiting(CLICKHOUSE)
def progsnap2(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the data set will be; not there, or empty.")],
    *,
    asset: Annotated[str, typer.Option(help="The tutorial, or the notebook, by its slug.")],
    since: _Since = None,
    until: _Until = None,
    form: Annotated[Form, typer.Option("--format", help="How the main table is written.")] = Form.CSV,
    actors: _Actors = As.PSEUDONYMS,
) -> None:
    """Write a tutorial's facts as a ProgSnap2 data set: main table, metadata, and a page about it."""
    # What arrives meanwhile would be in one of the files only.
    current, span = settings(), _span(since, until or datetime.now(UTC).isoformat())
    key = None if actors is As.ACCOUNTS else _key(current)
    with explained(), contextlib.closing(connected(current)) as client:
        table = MainTable(client, asset, span.since, span.until, key)
        done = write_dataset(table, directory, asset, form, pseudonyms=key is not None)
    out.print(f"{counted(done.events, 'event', ',')} in {directory}: {done.bytes:,} bytes.", markup=False)


@app.command()
@waiting(KAFKA)
def pseudonym(
    student: Annotated[str, typer.Argument(help="A user id, or the name that a notebook knows the student by.")],
) -> None:
    """Print who a student is in what was exported, to find or erase what is there."""
    key = _key(settings())
    out.print(f"xapi       {Actors(Pseudonyms(key)).name(student)}", markup=False)
    out.print(f"progsnap2  {subject_of(key, student)}", markup=False)


def _span(since: str | None, until: str | None) -> Span:
    now = datetime.now(UTC)
    begin = _EVER.since if since is None else _sql(ago(since, "--since", now))
    end = _EVER.until if until is None else _sql(ago(until, "--until", now))
    if begin >= end:
        message = "--since is not before --until."
        raise typer.BadParameter(message)
    return Span(begin, end)


def _sql(moment: datetime) -> str:
    return sql_time(max(int(moment.timestamp() * 1000), 0))


def _key(current: Settings) -> bytes:
    secret = run(keyed_settings(current)).pseudonym_key
    assert secret is not None  # noqa: S101 - that is what is made sure of above
    return secret.get_secret_value().encode()


def _actors(current: Settings, actors: As) -> Actors:
    return Actors(None if actors is As.ACCOUNTS else Pseudonyms(_key(current)))


def _login(current: Settings) -> tuple[str, str] | None:
    if current.lrs_username is None:
        return None
    password = current.lrs_password
    return current.lrs_username, "" if password is None else password.get_secret_value()


def _state_of(current: Settings, address: Address) -> Path:
    """A file for each store: one that is to have another homepage, actors or key is refused by what is in it."""
    digest = hashlib.sha256(address.url.encode()).hexdigest()
    return current.data / "exports" / f"xapi-{digest[:12]}.json"


@contextlib.contextmanager
def _held(kept: ProgressFile, *, apart: bool) -> Iterator[None]:
    with contextlib.nullcontext() if apart else kept.held():
        yield


def _once(export: Export) -> Sent:
    with bars(err, MofNCompleteColumn, TimeRemainingColumn) as progress:
        task = progress.add_task("sending", total=export.left())
        showing = replace(export, taken=lambda count: progress.update(task, advance=count))
        return showing.once()


def _wait(trouble: str, seconds: float) -> None:
    err.print(f"The LRS {trouble}; asked again in {seconds:.0f} s.", markup=False)


def _tell(sent: Sent) -> None:
    if sent.statements or sent.differing:
        _tell_all(sent)


def _tell_all(sent: Sent) -> None:
    voided = f", {sent.voided} of them to void others" if sent.voided else ""
    out.print(f"{counted(sent.statements, 'statement', ',')} sent{voided}.", markup=False)
    if sent.differing:
        err.print(
            f"note: of {counted(sent.differing, 'fact', ',')} the LRS has another statement (409), which stays: it was "
            "sent before the fact was told anew.",
            markup=False,
        )
