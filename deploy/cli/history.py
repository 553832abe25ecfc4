"""`import lms | compare`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy.cli.configuration import live_settings, log_settings
from deploy.cli.console import Failed, err, out, run
from deploy.cli.ids import a_topic, an_id
from deploy.cli.moments import day
from deploy.cli.raw import progress_to, tell_settings, told_where_interrupted
from deploy.cli.waiting import KAFKA, SERVERS, waiting
from operations.cut import printable
from operations.directory import load_reference
from operations.history.comparing import compare_history, told
from operations.history.database import TELEMETRY_TABLE, WEBHOOKS_TABLE, LmsDatabase
from operations.history.differences import Kind
from operations.history.files import LmsFiles
from operations.history.importing import Imported, import_history
from operations.history.records import Rules
from operations.history.sources import Source
from operations.postgres import reading
from operations.wording import counted
from schemas.settings import Settings
from schemas.wire.topics import Topics

__all__ = ["app"]

app = typer.Typer(help="The LMS's history: bring it in, and compare its scores with those here.", no_args_is_help=True)

_Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE…", help="Exported rows, NDJSON or gzipped, in any order.", show_default=False),
]
_Postgres = Annotated[
    str | None,
    typer.Option(
        metavar="DSN",
        help="Or the LMS's database: postgresql://USER@HOST/NAME, with the password in PGPASSWORD or ~/.pgpass"
        " [default: TELEMETRY_LMS_POSTGRES].",
    ),
]
_LMS: Final = "as the LMS names it"
_WebhooksTable = Annotated[
    str, typer.Option(metavar="TABLE", help="Its table of LearnPackWebhook.", show_default="as the LMS names it")
]
_TelemetryTable = Annotated[
    str, typer.Option(metavar="TABLE", help="Its table of AssignmentTelemetry.", show_default="as the LMS names it")
]

_COMPARING: Final = "comparing"
_LONGEST: Final = 400
_LEFT_OUT: Final = {
    "ignored": "that a rule of the LMS ignored (--with-ignored takes them in)",
    "empty": "without a document and scores",
    "refused": "whose payload no gateway takes (none, no object, nothing in it, or nested too deep)",
    "unusable": "without a document, and with scores that cannot be kept",
    "too-large": "larger than TELEMETRY_MAX_BODY_BYTES",
    "untimed": "without a usable time (none, before 2000, or ahead of now)",
}


@app.command()
@waiting(KAFKA)
def lms(
    files: _Files = None,
    *,
    postgres: _Postgres = None,
    academy: Annotated[
        int | None,
        typer.Option(parser=an_id, metavar="ID", help="The academy of all of it; unset, each document's own."),
    ] = None,
    since: Annotated[
        date | None, typer.Option(parser=day, metavar="YYYY-MM-DD", help="Leave out rows before this UTC day.")
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(
            parser=a_topic, metavar="NAME", help="A new topic, to be before a log that has webhooks: webhooks.raw.2"
        ),
    ] = None,
    with_ignored: Annotated[
        bool, typer.Option("--with-ignored", help="Take in what a rule of the LMS ignored.")
    ] = False,
    webhooks_table: _WebhooksTable = WEBHOOKS_TABLE,
    telemetry_table: _TelemetryTable = TELEMETRY_TABLE,
) -> None:
    """Bring the LMS's webhooks and telemetry into an empty system as of then; run it again for what came since."""
    current = log_settings()
    rules = Rules(
        max_bytes=current.max_body_bytes,
        academy=academy,
        default_academy=current.default_academy,
        redact=current.keys_out_of_raw,
        with_ignored=with_ignored,
    )
    topic, reached = f"{current.topic_prefix}{into}" if into else Topics.of(current).raw, Imported()
    with (
        told_where_interrupted(lambda: _how_far(reached)),
        _source(current, files or [], postgres, webhooks_table, telemetry_table) as source,
        progress_to(topic) as update,
    ):

        def progress(done: Imported) -> None:
            nonlocal reached
            reached = done
            if done.filled < done.to_fill:
                update(done.filled, done.to_fill, f"fills offsets of {topic}")
            else:
                update(done.rows, max(done.total, done.rows), f"to {topic}")

        work = import_history(current, source, rules, since=_micros(since), into=into or "", progress=progress)
        done = run(work)
    _tell(done)
    if postgres is None and done.may_be_passed_over:
        # A database forgets old rows, which is no sign of anything.
        err.print(
            f"note: {counted(done.may_be_passed_over, 'row', ',')} of these files lie before where the import was: "
            "those of them that were not imported then are passed over.",
            markup=False,
        )
    if into:
        out.print(f"To follow: learnpack-telemetry raw copy {into}", markup=False)
        tell_settings(current, into, current.partitions)


def _tell(done: Imported) -> None:
    staff = f" ({done.commands:,} with scores that staff had set)" if done.commands else ""
    out.print(
        f"{counted(done.webhooks, 'webhook', ',')} and {counted(done.documents, 'document', ',')} imported{staff}, "
        f"{done.there:,} {'was' if done.there == 1 else 'were'} there.",
        markup=False,
    )
    if done.found:
        err.print(
            "note: Kafka had forgotten how far the import was, as it does a week after the last run; it was found in "
            "the log again. What lies before that in the LMS and has no record there counts as left out.",
            markup=False,
        )
    if done.left_out_before:
        out.print(f"{counted(done.left_out_before, 'row', ',')} had been left out before, and stay out.", markup=False)
    for why, number in sorted(done.left_out.items()):
        out.print(f"{counted(number, 'row', ',')} left out: {_LEFT_OUT[why]}.", markup=False)
    if done.waiting:
        waits = "waits" if done.waiting == 1 else "wait"
        out.print(f"{counted(done.waiting, 'row', ',')} of the last minute {waits} for the next run.", markup=False)
    if done.until is not None:
        _tell_what_is_beyond(done.until, done.beyond)
    if done.removed_before:
        err.print(
            f"warning: of what was imported Kafka has removed all from before {done.removed_before} or so, as old as "
            "TELEMETRY_RAW_RETENTION_DAYS; a replay has no more of it, and no row is imported twice "
            '(docs/migrating.md, "Begin again").',
            markup=False,
        )
    if done.passed_over:
        err.print(
            f"warning: {counted(done.passed_over, 'row', ',')} passed over: they lie before where the import was and "
            "were not imported then. History comes oldest first: begin again in an empty system to have them.",
            markup=False,
        )
    if done.too_large:
        _warn("too large were", done.too_large, done.left_out["too-large"])
    if done.dropped:
        _warn(
            "scores of staff that cannot be kept (metrics over 256 KiB, numbers beyond 1e300) were left out of",
            done.dropped_of,
            done.dropped,
        )


def _warn(what: str, named: list[str], number: int) -> None:
    err.print(f"warning: {what} {', '.join(named)}{', …' if number > len(named) else ''}", markup=False)


def _tell_what_is_beyond(until: int, beyond: int) -> None:
    """Say what of the LMS is left to a log that had webhooks first."""
    first = datetime.fromtimestamp(until / 1_000_000, UTC).isoformat(" ", "seconds")
    out.print(f"Rows from {first} on are left out: {counted(beyond, 'row', ',')} of the LMS.", markup=False)
    if beyond:
        err.print(
            "warning: what they hold is here only if every student's webhooks have come here since then, which is not "
            "looked at: `import compare` says whose are missing. Where only some students' came, begin in an empty "
            'system instead (docs/migrating.md, "Begin again").',
            markup=False,
        )


def _how_far(done: Imported) -> str:
    return f"{done.rows:,} of {counted(done.total, 'row', ',')} imported"


def _micros(since: date | None) -> int | None:
    if since is None:
        return None
    return int(datetime(since.year, since.month, since.day, tzinfo=UTC).timestamp()) * 1_000_000


@app.command()
@waiting(SERVERS)
def compare(
    files: _Files = None,
    *,
    postgres: _Postgres = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was found of each row into this file, as NDJSON.")
    ] = None,
    webhooks_table: _WebhooksTable = WEBHOOKS_TABLE,
    telemetry_table: _TelemetryTable = TELEMETRY_TABLE,
) -> None:
    """Compare the scores that the LMS has stored with those here, row by row.

    Exit code 1 where one is missing or unexplained, or nothing could be compared.
    """
    current = live_settings()
    reference = run(load_reference(current)) if current.directory == "strict" else None
    with contextlib.ExitStack() as opened:
        source = opened.enter_context(_source(current, files or [], postgres, webhooks_table, telemetry_table))
        lines = None if report is None else opened.enter_context(report.open("wb"))
        update = opened.enter_context(progress_to("compared"))

        def each(line: bytes) -> None:
            if lines is not None:
                lines.write(line + b"\n")

        done = compare_history(
            current,
            source,
            reference=reference,
            each=each,
            progress=lambda at: update(at.rows, at.total, _COMPARING),
        )
    for kind, number, first in told(done):
        shown = "; ".join(f"{user} {slug}{f' ({detail})' if detail else ''}" for user, slug, detail in first)
        beginning = "" if kind is Kind.EQUAL else f", as of {printable(shown, _LONGEST)}"
        out.print(f"{number:>7,} {kind.value}: {kind.explanation}{beginning}", markup=False)
    if not done.rows:
        message = (
            f"nothing was compared: 0 of {counted(done.others, 'row', ',')} are telemetry that could be (with a usable "
            "time, and not of the last minute): give those of AssignmentTelemetry, too."
        )
        raise Failed(message)
    if done.unexplained:
        message = (
            f"{counted(done.unexplained, 'row', ',')} of {done.rows:,} are missing or unexplained; --report FILE lists "
            "all of them."
        )
        raise Failed(message)
    out.print(f"{counted(done.rows, 'row', ',')} compared, none of them missing or unexplained.")


@contextlib.contextmanager
def _source(
    current: Settings, files: list[Path], postgres: str | None, webhooks_table: str, telemetry_table: str
) -> Iterator[Source]:
    if postgres is None and not files and current.lms_postgres is not None:
        postgres = current.lms_postgres.get_secret_value()
    if bool(files) == (postgres is not None):
        message = "give either --postgres (or TELEMETRY_LMS_POSTGRES) or the files that the LMS has exported."
        raise typer.BadParameter(message)
    if postgres is None:
        with LmsFiles(files) as read:
            yield read
        return
    with reading(postgres) as connection:
        yield LmsDatabase(connection, webhooks_table=webhooks_table, telemetry_table=telemetry_table)
