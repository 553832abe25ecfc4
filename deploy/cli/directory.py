"""`directory load | show`."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from deploy.cli.configuration import settings
from deploy.cli.console import Failed, out, run
from deploy.cli.waiting import KAFKA, waiting
from operations.directory import load_reference, publish_reference
from operations.tables import WholeTable
from operations.wording import counted, unreadable
from schemas.reference.directory_file import DirectoryError, parse_directory
from schemas.wire.topics import Topics

__all__ = ["app"]

app = typer.Typer(help="Assets, users and tasks as the LMS knows them.", no_args_is_help=True)


@app.command()
@waiting(KAFKA)
def load(files: Annotated[list[Path], typer.Argument(help="JSON objects or NDJSON lines.")]) -> None:
    """Write assets, users and tasks to their topics; nothing is written unless every record is valid."""
    records: dict[str, list[tuple[bytes, bytes | None]]] = defaultdict(list)
    for file in files:
        try:
            for kind, key, value in parse_directory(file.read_bytes()):
                records[kind].append((key, value))
        except OSError as error:
            raise Failed(unreadable(file, error)) from error
        except DirectoryError as error:
            message = f"{file}: {error}"
            raise Failed(message) from error
    current = settings()
    topics = Topics.of(current)
    for kind, topic in (("assets", topics.assets), ("users", topics.users), ("tasks", topics.tasks)):
        if records[kind]:
            out.print(counted(run(publish_reference(current, topic, records[kind])), kind.removesuffix("s")))


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
    for kind in ("users", "tasks"):
        out.print(counted(sum(1 for _ in reference.records(kind)), kind.removesuffix("s")))
