"""`doctor`: can it work as it is configured, and if not, what to do."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.markup import escape

from deploy.cli.configuration import live_settings, settings
from deploy.cli.console import Failed, out, run
from deploy.cli.waiting import EVERYTHING, waiting
from operations.acls import Part
from operations.doctor.clickhouse import check_clickhouse
from operations.doctor.findings import Finding, failed, good
from operations.doctor.gateway import check_gateway
from operations.doctor.kafka import check_kafka
from operations.doctor.machine import check_machine
from operations.doctor.parts import check_parts
from operations.doctor.rights import check_rights
from operations.tables import WholeTable
from schemas.settings import SettingsError

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["register"]

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


async def _check(current: Settings, part: Part | None) -> list[Finding]:
    if part is not None:
        return [finding async for finding in check_rights(current, part)]
    kafka = [finding async for finding in check_kafka(current)]
    clickhouse = await asyncio.to_thread(lambda: list(check_clickhouse(current)))
    gateway = [finding async for finding in check_gateway(current)]
    parts = [finding async for finding in check_parts(current)]
    return [*check_machine(current), *kafka, *clickhouse, *gateway, *parts]


def _findings(part: Part | None) -> list[Finding]:
    try:
        given, current = settings(), live_settings(any_topic=True)
    except SettingsError as error:
        return [failed("settings", "valid", str(error), "Then ask again: nothing else was looked at.")]
    return [good("settings", "valid", f"{len(given.model_fields_set)} set"), *run(_check(current, part))]


@waiting(EVERYTHING)
def doctor(
    *,
    part: Annotated[
        Part | None,
        typer.Option(help="Check what this part's user may do in Kafka, and nothing else; run it as that user."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Check configuration, reachability, versions and permissions; exit code 1 if something does not work."""
    findings = _findings(part)
    if json:
        out.print(
            orjson.dumps([asdict(finding) for finding in findings], option=orjson.OPT_INDENT_2).decode(), markup=False
        )
    else:
        table = WholeTable("part", "check", "state", "what is there", "what to do")
        for finding in findings:
            state = f"[{_COLOURS[finding.state]}]{finding.state}[/]"
            table.add_row(finding.part, finding.check, state, escape(finding.detail), escape(finding.mend))
        out.print(table)
    wrong = [finding for finding in findings if finding.state == "failed"]
    if wrong:
        message = (
            f"{len(wrong)} of {len(findings)} checks failed; first {wrong[0].part}, {wrong[0].check}: {wrong[0].mend}"
        )
        raise Failed(message)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)
