"""`directory load | diff | show | sync`."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, agreed, err, failing_with, out, run
from deploy.cli.directory_sync import sync
from deploy.cli.waiting import KAFKA, waiting
from operations.directory import load_reference, publish_reference, topic_of
from operations.directory_changes import Changes, changes_of
from operations.directory_sync.comparing import Policy
from operations.tables import WholeTable
from operations.wording import counted, unreadable
from schemas.reference.directory_file import ONE, DirectoryError, parse_directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.reference.lookup import Kind
    from schemas.settings import Settings

__all__ = ["app"]

_ORDER: Final[tuple[Kind, ...]] = ("assets", "users", "tasks", "academies")
# Records of a kind that a preview and a comparison name.
_SHOWN: Final = 20
# Of `diff`, whose 1 is an answer: as diff(1) and grep have it.
_CANNOT_SAY: Final = 2

app = typer.Typer(help="Assets, users, tasks and academies as the LMS knows them.", no_args_is_help=True)

_Files = Annotated[list[Path], typer.Argument(help="JSON objects or NDJSON lines.")]


def _read(files: Sequence[Path]) -> list[tuple[Kind, bytes, bytes | None]]:
    records: list[tuple[Kind, bytes, bytes | None]] = []
    for file in files:
        try:
            parsed = parse_directory(file.read_bytes())
        except OSError as error:
            raise Failed(unreadable(file, error)) from error
        except DirectoryError as error:
            message = f"{file}: {error}"
            raise Failed(message) from error
        if not parsed:
            message = f"{file} has no record: did whatever writes it fail?"
            raise Failed(message)
        records += parsed
    return records


@app.command()
@waiting(KAFKA)
def load(
    files: _Files,
    *,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Remove what the files do not have, of the kinds that they have; asks before."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    remove_any: Annotated[
        bool,
        typer.Option(
            "--remove-any",
            help="With --replace: remove however many are gone, and let however many change their academies or user; "
            "else 100 of a kind at once, or a tenth.",
        ),
    ] = False,
) -> None:
    """Write assets, users, tasks and academies to their topics; nothing is written unless every record is valid.

    A record with "deleted": true is removed.
    """
    if remove_any and not replace:
        message = "--remove-any goes with --replace: nothing else removes what the files do not have."
        raise typer.BadParameter(message)
    records = _read(files)
    current = settings()
    if replace:
        _replace(current, records, Policy(any_number=remove_any), yes=yes)
        return
    for kind in _ORDER:
        # Of several records with one id the last one holds.
        of_kind = {key: value for name, key, value in records if name == kind}
        if not of_kind:
            continue
        run(publish_reference(current, topic_of(current, kind), of_kind.items()))
        deleted = sum(1 for value in of_kind.values() if value is None)
        if deleted < len(of_kind):
            out.print(_counted(len(of_kind) - deleted, kind))
        if deleted:
            out.print(f"{_counted(deleted, kind)} removed")


def _replace(current: Settings, records: list[tuple[Kind, bytes, bytes | None]], policy: Policy, *, yes: bool) -> None:
    changes = [one for one in changes_of(run(load_reference(current)), records) if one]
    if not changes:
        out.print("The directory is as the files have it.")
        return
    _preview(changes)
    if told := "; ".join(filter(None, (one.too_much(policy) for one in changes))):
        message = (
            f"too much would change at once, so nothing was written: {told}. Look at the files, then use --remove-any."
        )
        raise Failed(message)
    gone = sum(len(one.gone) for one in changes)
    if gone and not yes and not agreed(f"Remove {counted(gone, 'record')}, and write the rest?"):
        message = "nothing was written."
        raise Failed(message)
    for one in changes:
        run(publish_reference(current, topic_of(current, one.kind), one.records()))
    written = sum(len(one.new) + len(one.changed) for one in changes)
    out.print(f"{counted(written, 'record')} written, {gone} removed.")


def _preview(changes: Sequence[Changes]) -> None:
    for one in changes:
        err.print(one.summary(), markup=False)
        removed = [key.decode() for key in one.gone[:_SHOWN]]
        if removed:
            more = len(one.gone) - len(removed)
            err.print(f"  removed: {', '.join(removed)}{f' and {more} more' if more else ''}", markup=False)


@app.command()
@waiting(KAFKA)
def diff(files: _Files) -> None:
    """Say what `load --replace` would change; exit code 1 if anything, 0 if nothing, 2 where it cannot be said."""
    with failing_with(_CANNOT_SAY):
        changes = changes_of(run(load_reference(settings())), _read(files))
    for one in changes:
        for line in itertools.islice(one.lines(), _SHOWN):
            out.print(line, markup=False)
        more = len(one.new) + len(one.changed) + len(one.gone) - _SHOWN
        if more > 0:
            out.print(f"  and {more} more", markup=False)
        out.print(one.summary(), markup=False)
    if any(changes):
        raise typer.Exit(1)
    out.print("The directory is as the files have it.")


@app.command()
@waiting(KAFKA)
def show() -> None:
    """Count what the directory holds, and list its assets."""
    reference = run(load_reference(settings()))
    table = WholeTable("id", "slug", "language", "graded", "package", title="assets")
    for key, _ in reference.records("assets"):
        asset = reference.asset(int(key))
        if asset is not None:
            package = "" if asset.learnpack_id is None else str(asset.learnpack_id)
            table.add_row(
                str(asset.id), escape(asset.slug), escape(asset.lang or ""), "yes" if asset.graded else "no", package
            )
    out.print(table)
    kinds: tuple[Kind, ...] = ("users", "tasks", "academies")
    for kind in kinds:
        out.print(_counted(sum(1 for _ in reference.records(kind)), kind))


app.command()(sync)


def _counted(number: int, kind: Kind) -> str:
    return f"{number} {ONE[kind] if number == 1 else kind}"
