"""Checks of ClickHouse: reachable, new enough, tables as `setup` makes them, what this user may do, and the clock."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from clickhouse_connect.driver.exceptions import ClickHouseError

from broker.clickhouse import connect
from operations.absence import absence, address_of
from operations.doctor.findings import failed, good, unreachable, warning
from operations.table_setup import live_generation
from schemas.wire.formats import NewerFormatError
from sinks.errors import SchemaMismatchError
from sinks.table_fit import check_tables
from sinks.templates import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

    from operations.doctor.findings import Finding
    from schemas.settings import Settings

__all__ = ["check_clickhouse"]

_PART: Final = "clickhouse"
_SETUP: Final = "Run: learnpack-telemetry setup"
# The first with a JSON type that is not experimental.
_LEAST: Final = (25, 3)
_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 300
_MOST_SKEW_SECONDS: Final = 5.0
_DAYS: Final = 7
_SEEN: Final = """
SELECT count(), countIf(empty(academy_ids)) FROM {database:Identifier}.webhooks
WHERE created_at >= now() - toIntervalDay({days:UInt32}) AND source != 'staff'
"""


def check_clickhouse(settings: Settings) -> Iterator[Finding]:
    """Check one thing after another; ends at the first that all others need. Blocks."""
    try:
        client = connect(settings, connect_seconds=_CONNECT_SECONDS, answer_seconds=_ANSWER_SECONDS)
    except (ClickHouseError, OSError) as error:
        away = absence(error, address_of(settings.clickhouse), "TELEMETRY_CLICKHOUSE")
        mend = "Correct address, user and password in TELEMETRY_CLICKHOUSE."
        yield unreachable(_PART, away, str(error).splitlines()[0], mend)
        return
    with contextlib.closing(client):
        # Of the settings: the local engine knows one user by its own name.
        user = unquote(urlsplit(settings.clickhouse.get_secret_value()).username or "") or "default"
        yield good(_PART, "reachable", f"logged in as the user {user}")
        yield _version(client)
        yield from _tables(client, settings)
        yield _grants(client, settings)
        yield _clock(client)


def _version(client: Client) -> Finding:
    version = str(client.server_version)
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < _LEAST:
        return failed(_PART, "version", version, f"Upgrade to {'.'.join(map(str, _LEAST))} or newer.")
    return good(_PART, "version", version)


def _tables(client: Client, settings: Settings) -> Iterator[Finding]:
    installation = Installation.of(settings)
    try:
        check_tables(client, installation)
    except SchemaMismatchError as error:
        yield failed(_PART, "tables", str(error).partition(". Run: ")[0], f"Run: {error.remedy}")
        return
    except NewerFormatError as error:
        yield failed(_PART, "tables", *error.parts)
        return
    live = live_generation(client, installation.public)
    if live is None:
        yield failed(_PART, "views", f"{installation.public} has no views", _SETUP)
        return
    yield good(_PART, "tables", f"those of generation {installation.generation} fit")
    yield good(_PART, "views", f"{installation.public} reads generation {live}")
    yield _academies(client, installation.public)


def _academies(client: Client, database: str) -> Finding:
    """Whether somebody may see what comes in: webhooks of no academy are in no staff's log."""
    ((every, lost),) = client.query(_SEEN, parameters={"database": database, "days": _DAYS}).result_rows
    if lost:
        mend = "Make keys with `token create --ingest --academy ID`, or set TELEMETRY_DEFAULT_ACADEMY for the gateways."
        return warning(_PART, "academies", f"{lost} of {every} webhooks of the last {_DAYS} days are in none", mend)
    return good(_PART, "academies", f"all webhooks of the last {_DAYS} days are in one")


def _grants(client: Client, settings: Settings) -> Finding:
    installation = Installation.of(settings)
    needed = {
        f"SELECT, INSERT ON {installation.public}.*": "the gateway and the sink",
        f"SELECT, INSERT ON {installation.derived}.*": "the sink",
        f"CREATE DATABASE, CREATE TABLE, CREATE VIEW, ALTER ON {installation.derived}.*": "`setup`",
    }
    for grant, who in needed.items():
        try:
            granted = str(client.command(f"CHECK GRANT {grant}")) == "1"
        except ClickHouseError as error:
            mend = "Look at SHOW GRANTS yourself."
            return warning(_PART, "grants", f"cannot be asked for: {str(error).splitlines()[0]}", mend)
        if not granted:
            return failed(_PART, "grants", f"{who} needs {grant}", f"As an administrator: GRANT {grant} TO this user.")
    return good(_PART, "grants", "reading, inserting, creating")


def _clock(client: Client) -> Finding:
    before = time.time()
    theirs = int(str(client.command("SELECT toUnixTimestamp64Milli(now64(3))"))) / 1000
    skew = theirs - (before + time.time()) / 2
    if abs(skew) > _MOST_SKEW_SECONDS:
        mend = "Let NTP set both clocks: days and retention go by them."
        return warning(_PART, "clock", f"{skew:+.1f} s from this machine's", mend)
    return good(_PART, "clock", f"within {_MOST_SKEW_SECONDS:g} s of this machine's")
