"""How grave a line of a part is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from deploy.run.levels import Level, level_of, shortened

SAYS = """
import structlog
from deploy.run.logs import configure_logging
from schemas.settings import Settings

configure_logging(Settings(log_format="{format}"))
log = structlog.stdlib.get_logger("part")
for level in ("info", "warning", "error", "critical"):
    getattr(log, level)("an event", reason="some [error ] of old")
"""
LEVELS = [Level.INFO, Level.WARNING, Level.ERROR, Level.ERROR]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_what_parts_write_has_its_level(log_format: str) -> None:
    """In both formats, whatever else is in the line."""
    command = [sys.executable, "-c", SAYS.format(format=log_format)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert [level_of(line) for line in done.stderr.splitlines()] == LEVELS
    short = [shortened(line) for line in done.stderr.splitlines()]
    if log_format == "console":
        levels = ("info", "warning", "error", "critical")
        assert short == [f"{level}: an event reason='some [error ] of old'" for level in levels]
    else:
        assert short == done.stderr.splitlines()


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-04-15T10:40:00.120Z [ERROR   ] Disk error while writing", Level.ERROR),
        ("2026-04-15T10:40:00.120Z [INFO    ] ClickHouse serves [deploy.local]", Level.INFO),
        ("\x1b[2m2026-04-15T10:40:00Z\x1b[0m [\x1b[33mwarning  \x1b[0m] an insert waits", Level.WARNING),
        ("Traceback (most recent call last):", None),
        ("java.lang.OutOfMemoryError: [info] heap", None),
        ('{"level": "unheard-of"}', None),
        ('{"level": ', None),
        (json.dumps(["level"]), None),
        ("", None),
    ],
)
def test_others_lines_have_theirs_or_none(line: str, level: Level | None) -> None:
    """Those of the local servers and coloured ones have one; what nobody has given a level has none."""
    assert level_of(line) is level
