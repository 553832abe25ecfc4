"""`trace`: where is my event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from deploy.cli.console import live_settings, out, run
from deploy.trace import Trace, trace_webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["register"]


def trace(
    webhook: Annotated[int, typer.Argument(min=0, help="Id of a webhook, as the log and the tables give it.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Follow one webhook: receipt, partition and offset, verdict and rule, state version, facts, rows."""
    found = run(trace_webhook(live_settings(), webhook))
    if json:
        out.print(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    for name, text in _lines(found):
        out.print(f"{name:<12}{text}", markup=False)


def _lines(found: Trace) -> Iterator[tuple[str, Any]]:
    record, raw, outcome = found.record, found.raw, found.outcome
    yield "webhook", found.id
    yield "place", f"partition {found.partition}, offset {found.offset}"
    if record is not None:
        yield "arrived", f"{record['arrived']} UTC, {record['bytes']} bytes, key {record['key']}"
        yield "receipt", record["headers"].get("receipt", "none")
        yield "headers", ", ".join(f"{name}={text}" for name, text in record["headers"].items() if name != "receipt")
    else:
        yield "arrived", "its record is no longer in the raw topic (retention)"
    if raw is not None:
        yield "row in raw", f"received {raw['received_at']} UTC, source {raw['source']}, academy {raw['academy_id']}"
    if outcome is not None:
        yield "verdict", f"{outcome['status']}, {outcome['verdict']}: {outcome['status_text']}"
        yield "as", f"{outcome['event']} of student {outcome['student_id']}, asset {outcome['asset_id']}"
        yield "decided", f"{outcome['updated_at']} UTC, version {outcome['version']}"
    for fact in found.facts:
        step = f" of step {fact['step_slug']}" if fact["step_slug"] else ""
        yield "facts", f"{fact['facts']} {fact['event']}{step} in {fact['asset_slug'] or 'an unknown tutorial'}"
    if not found.facts and outcome is not None:
        yield "facts", "none: it told nothing that was not known"
    for name, rows in (("scores", found.scores), ("document", found.documents)):
        for row in rows:
            whose = "this webhook's" if row["by_it"] else f"webhook version {row['version']}, which came later"
            yield name, f"{row['actor']} in {row['asset_slug']}, {row['updated_at']} UTC, state of {whose}"
    for letter in found.dead_letters:
        became = letter["resolution"] or "waits"
        yield "dead letter", f"{letter['id']} ({became}), stage {letter['stage']}: {letter['reason']}"
    if found.waits_for:
        yield "waits for", found.waits_for


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(trace)
