"""An installation, a learning record store, and an export of the one to the other that looks once each time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import pytest

from operations.clickhouse import connected
from operations.export.actors import Actors
from operations.export.facts import Facts, Span
from operations.export.lrs import Lrs, Patience
from operations.export.progress_file import ProgressFile
from operations.export.statements import Statements
from operations.export.xapi import Export, Sent
from operations.table_setup import setup_tables
from tests.support.lrs import store
from tests.support.sink import insert

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.lrs import Store

__all__ = ["ACCOUNTS", "EVER", "EnoughError", "Here", "exporting"]

EVER: Final = "1970-01-01 00:00:00.000"
ACCOUNTS: Final = Actors(None)


class EnoughError(Exception):
    """Raised instead of the wait for what comes."""


def enough(_: float) -> None:
    """Follow no longer."""
    raise EnoughError


def unexpected(why: str, _: float) -> None:
    """ClickHouse is there."""
    raise AssertionError(why)


class Here:
    """An installation, a store, and an export of the one to the other that looks once each time."""

    def __init__(self, settings: Settings, client: Client, there: Store, state: Path) -> None:
        self.settings = settings
        self.client = client
        self.there = there
        self.state = state

    def fill(self, *rows: dict[str, Any], generation: int = 1) -> None:
        """Store facts, as a sink does."""
        insert(self.client, f"{self.settings.database}_g{generation}.events", list(rows))

    def sends(
        self,
        since: str = EVER,
        *,
        patience: Patience | None = None,
        ends: type[Exception] = EnoughError,
        file: type[ProgressFile] = ProgressFile,
        actors: Actors = ACCOUNTS,
        page: int = 10,
    ) -> list[Sent]:
        """What an export tells that begins now and ends when nothing is left, or as it does."""
        told: list[Sent] = []
        lrs = Lrs(self.there.url, None, patience=patience or Patience(), say=lambda *_: None, sleep=lambda _: None)
        with contextlib.closing(lrs), contextlib.closing(connected(self.settings)) as client:
            facts = Facts(client, Span(since), page=page, settling=0)
            made = Statements("https://telemetry.example", actors)
            export = Export(facts, made, lrs, since, file(self.state))
            with pytest.raises(ends):
                export.follow(told.append, unexpected, sleep=enough)
        return told


@contextlib.contextmanager
def exporting(settings: Settings, client: Client, state: Path) -> Iterator[Here]:
    """Empty tables and an empty store."""
    setup_tables(settings)
    with store() as there:
        yield Here(settings, client, there, state)
