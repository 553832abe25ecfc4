"""`trace`: where is my event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer
from rich.markup import escape

from deploy.cli.configuration import live_settings
from deploy.cli.console import out, run
from deploy.cli.waiting import SERVERS, waiting
from operations.cut import MOST_ROWS
from operations.tables import WholeTable
from operations.trace import Trace, trace_webhook
from operations.trace_search import webhook_with_receipt, webhooks_of
from operations.wording import counted
from schemas.coercion import digits_as_id

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["lines", "register"]

# By verdict, where a webhook was not asked what it tells.
_NO_FACTS: Final = {
    "ignored": "none: it was ignored",
    "error": "none: it was refused",
    "dead": "none: it could not be processed",
}


@waiting(SERVERS)
def trace(
    webhook: Annotated[str | None, typer.Argument(help="Its id, as log and tables give it, or its receipt.")] = None,
    *,
    student: Annotated[
        str | None, typer.Option(help="List this student's webhooks instead: a user id, a notebook's name.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Of a student at most so many, the newest first.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Follow one webhook, or list a student's: receipt, partition and offset, verdict and rule, facts, rows."""
    if (webhook is None) == (student is None) or not (webhook or student or "").strip():
        message = "give either the id or the receipt of a webhook, or --student ID."
        raise typer.BadParameter(message)
    current = live_settings()
    if webhook is None:
        _list(webhooks_of(current, student or "", limit), json=json)
        return
    number = digits_as_id(webhook)
    if number is None:
        number = webhook_with_receipt(current, webhook)
    followed = run(trace_webhook(current, number))
    if json:
        out.print(orjson.dumps(followed.as_json(), option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    for name, text in lines(followed):
        out.print(f"{name:<12}{text}", markup=False)


def _list(rows: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        out.print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode(), markup=False)
        return
    table = WholeTable("id", "received (UTC)", "event", "slug", "status", "why", unbroken=("id", "status"))
    for row in rows:
        texts = (row["event"] or "", row["package_slug"] or "", row["status"], row["status_text"] or "")
        table.add_row(str(row["id"]), row["received_at"][:19], *map(escape, texts))
    out.print(table)


def lines(followed: Trace) -> Iterator[tuple[str, Any]]:
    """What is printed of a webhook: the name of each line and what stands behind it."""
    record, raw, outcome = followed.record, followed.raw, followed.outcome
    yield "webhook", followed.id
    yield "place", f"partition {followed.partition}, offset {followed.offset}"
    if record is not None:
        yield "arrived", f"{record['arrived']} UTC, {record['bytes']} bytes, key {record['key']}"
        yield "receipt", record["headers"].get("receipt", "none")
        yield "headers", ", ".join(f"{name}={text}" for name, text in record["headers"].items() if name != "receipt")
    else:
        kept = "" if followed.topic_days is None else f", which keeps records for {counted(followed.topic_days, 'day')}"
        yield "arrived", f"its record is no longer in the raw topic{kept}"
    if raw is not None:
        yield "row in raw", f"received {raw['received_at']} UTC, source {raw['source']}, academy {raw['academy_id']}"
    if outcome is not None:
        yield "verdict", f"{outcome['status']}, {outcome['verdict']}: {outcome['status_text']}"
        student, asset = (
            "not known" if outcome[name] is None else outcome[name] for name in ("student_id", "asset_id")
        )
        yield "as", f"{outcome['event']} of student {student}, asset {asset}"
        yield "outcome", f"counts as of {outcome['updated_at']} UTC, version {outcome['version']}"
    for fact in followed.facts:
        step = f" of step {fact['step_slug']}" if fact["step_slug"] else ""
        yield "facts", f"{fact['facts']} {fact['event']}{step} in {fact['asset_slug'] or 'an unknown tutorial'}"
    if not followed.facts and outcome is not None:
        yield "facts", _NO_FACTS.get(outcome["verdict"], "none: it told nothing that was not known")
    for name, rows in (("scores", followed.scores), ("document", followed.documents)):
        for row in rows:
            when = "later" if row["later"] else "before"
            whose = "this webhook's" if row["by_it"] else f"webhook version {row['version']}, which came {when}"
            yield name, f"{row['actor']} in {row['asset_slug']}, {row['updated_at']} UTC, state of {whose}"
    yield from _end(followed)


def _end(followed: Trace) -> Iterator[tuple[str, Any]]:
    for letter in followed.dead_letters:
        became = letter["resolution"] or "waits"
        yield "dead letter", f"{letter['id']} ({became}), stage {letter['stage']}: {letter['reason']}"
    for kind in followed.more:
        yield "more", f"only the first {MOST_ROWS} {kind} are shown; the tables have all of them"
    if followed.waits_for:
        yield "waits for", followed.waits_for


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(trace)
