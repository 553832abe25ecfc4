"""Runs `learnpack-telemetry` in this process."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

import structlog

from deploy.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.settings import Settings

__all__ = ["Outcome", "as_environment", "command"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error; raises AssertionError if there are more or fewer."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


def _input(data: bytes) -> io.TextIOWrapper:
    """Standard input with the bytes below its text."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")


@contextlib.contextmanager
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers, before = root.level, root.handlers[:], structlog.get_config()
    # A command replaces the handlers and closes the ones that it finds.
    root.handlers.clear()
    try:
        yield
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)


def command(*arguments: object, stdin: bytes = b"") -> Outcome:
    """Run the command with these arguments and this process's environment."""
    written, err = io.BytesIO(), io.StringIO()
    out = io.TextIOWrapper(written, encoding="utf-8", newline="\n", write_through=True)
    code = 0
    with (
        _logging_restored(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["learnpack-telemetry", *map(str, arguments)]),
        mock.patch.object(sys, "stdin", _input(stdin)),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Outcome(code, written.getvalue().decode(), err.getvalue())


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that give a process the servers, topics, database and directories of these settings."""
    values = {
        "KAFKA": settings.kafka,
        "CLICKHOUSE": settings.clickhouse.get_secret_value(),
        "DATABASE": settings.database,
        "TOPIC_PREFIX": settings.topic_prefix,
        "PARTITIONS": str(settings.partitions),
        "REPLICATION": str(settings.replication),
        "DATA": str(settings.data),
        "SPOOL": str(settings.spool),
        "GATEWAY_BIND": settings.gateway_bind,
        "GATEWAY_URL": settings.gateway_url,
    }
    if settings.traces != "off":
        # Only where they are asked for: earlier releases, which some trials run, know no such settings.
        values |= {"TRACES": settings.traces, "TRACES_SHARE": str(settings.traces_share)}
    return {f"TELEMETRY_{name}": value for name, value in values.items()}
