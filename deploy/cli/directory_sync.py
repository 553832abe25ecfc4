"""`directory sync`."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import MofNCompleteColumn, TimeElapsedColumn

from broker.ending import stopped_by_signals
from deploy.cli.configuration import settings
from deploy.cli.console import Failed, err, out, run
from operations.bars import bars
from operations.directory_sync.compared import Compared, held_back_words
from operations.directory_sync.comparing import Policy
from operations.directory_sync.queries import LARGEST_FILE, QueryFileError, parse_queries
from operations.postgres import EXTRA_MISSING
from operations.wording import counted, unreadable

if TYPE_CHECKING:
    from operations.directory_sync.service import Job
    from schemas.reference.lookup import Kind
    from schemas.settings import Settings

__all__ = ["sync"]

_SPAN: Final = re.compile("([1-9][0-9]{0,3})([smh])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_LONGEST_SECONDS: Final = 24 * 3600


def sync(
    *,
    postgres: Annotated[
        str | None,
        typer.Option(
            metavar="DSN",
            help="The LMS's database, postgresql://USER@HOST/DATABASE [default: TELEMETRY_LMS_POSTGRES, which a file"
            " of secrets may hold].",
            show_default=False,
        ),
    ] = None,
    query_file: Annotated[Path, typer.Option(metavar="FILE", help="A query for each kind (docs/directory.md).")],
    every: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Again and again, with such a pause: 30s, 5m. Else once.")
    ] = None,
    remove_any: Annotated[
        bool,
        typer.Option(
            "--remove-any",
            help="Remove however many are gone, and let however many change their academies or user; else 100 of a kind"
            " at once, or a tenth.",
        ),
    ] = False,
    whole: Annotated[
        bool,
        typer.Option("--whole", help="Compare all rows, also those whose updated_at is as it was: once a night."),
    ] = False,
) -> None:
    """Keep the directory as the LMS's PostgreSQL has it: write what changed, remove what went.

    Resumes where it was interrupted. With --every it is a service, with metrics at TELEMETRY_METRICS_BIND, and whole
    when it begins and once a day.
    """
    pause = None if every is None else _span(every)
    queries = _queries(query_file)
    current = settings(lms_postgres=postgres, options={"lms_postgres": "--postgres"})
    if current.lms_postgres is None:
        message = "give --postgres DSN or set TELEMETRY_LMS_POSTGRES: which database is the LMS's?"
        raise typer.BadParameter(message)
    if find_spec("psycopg") is None:
        # Said at once: a service would wait for it.
        raise Failed(EXTRA_MISSING)
    from operations.directory_sync.service import Job  # noqa: PLC0415 - only who runs it loads its libraries

    policy = Policy(any_number=remove_any)
    job = Job(current.lms_postgres.get_secret_value(), queries, policy, str(query_file), whole=whole)
    if pause is None:
        _once(current, job)
    else:
        _serve(current, job, pause)


def _span(text: str) -> float:
    match = _SPAN.fullmatch(text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 1 <= seconds <= _LONGEST_SECONDS:
        message = f"--every {text!r} is no span from 1s to 24h, such as 30s or 5m."
        raise typer.BadParameter(message)
    return float(seconds)


def _queries(file: Path) -> dict[Kind, str]:
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            message = f"{file} is larger than {LARGEST_FILE} bytes: is it a file of queries?"
            raise Failed(message)
        return parse_queries(data.decode("utf-8-sig"))
    except OSError as error:
        raise Failed(unreadable(file, error)) from error
    except UnicodeDecodeError as error:
        message = f"{file} is not UTF-8: {error}. Save it as UTF-8."
        raise Failed(message) from error
    except QueryFileError as error:
        message = f"{file}: {error}"
        raise Failed(message) from error


def _once(current: Settings, job: Job) -> None:
    from operations.directory_sync.service import sync_once  # noqa: PLC0415 - as above

    with bars(err, MofNCompleteColumn, TimeElapsedColumn) as progress:
        shown = {kind: progress.add_task(kind, total=None) for kind in job.queries}

        def tell(compared: Compared) -> None:
            what = f"{compared.kind}: {compared.written} written, {compared.removed} removed"
            progress.update(shown[compared.kind], completed=compared.rows, description=what)

        async def work() -> list[Compared] | None:
            return await sync_once(current, job, tell, stopped_by_signals(None))

        result = run(work())
    if result is None:
        message = "interrupted; what is written stays, and the next run goes on from there."
        raise Failed(message)
    for one in result:
        out.print(_summary(one), markup=False)
        for reason in one.refused:
            err.print(f"  left as it is: {reason}", markup=False)
    _complain(result)


def _summary(one: Compared) -> str:
    return (
        f"{one.kind}: {counted(one.rows, 'row')}, {one.written} written, {one.removed} removed"
        f"{f', {one.refused_rows} refused' if one.refused_rows else ''}"
    )


def _complain(result: list[Compared]) -> None:
    if left := held_back_words(result):
        message = (
            f"too much would change at once, so this stays as it is: {left}. Look at the query and the database, then "
            "use --remove-any."
        )
        raise Failed(message)
    refused = sum(one.refused_rows for one in result)
    if refused:
        message = f"{counted(refused, 'row')} could not be taken: correct the query, or leave them out in it."
        raise Failed(message)


def _serve(current: Settings, job: Job, pause: float) -> None:
    from deploy.run.logs import configure_logging  # noqa: PLC0415 - as above
    from deploy.run.parts import run_directory_sync  # noqa: PLC0415 - as above

    configure_logging(current)
    raise typer.Exit(run_directory_sync(current, job, pause))
