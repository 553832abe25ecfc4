"""docs/api.md: its examples run as they stand, and it names every route."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.blocks import run_by
from tests.support.commands import as_environment
from tests.support.http_directory import secret
from tests.support.http_system import HttpSystem, http_system
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
EXAMPLES = [
    (block.text, block.kind, block.output)
    for block in run_by("tests/contract/test_http_page.py::test_the_examples_print_what_the_page_shows")
]


@pytest.fixture(scope="module")
def reader(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """The system of someone who reads the page: as `up` starts it."""
    with http_system(stack, tmp_path_factory.mktemp("page"), directory="open") as running:
        yield running


def fits(expected: Any, found: Any) -> bool:
    """Whether an answer is what the page shows, `…` being anything."""
    if expected == "…":
        return found is not None
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(fits(value, found[name]) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(fits, expected, found))
    return bool(expected == found)


def test_the_examples_print_what_the_page_shows(reader: HttpSystem, tmp_path: Path) -> None:
    """Each runs in the order of the page; what only reads is asked again until processing has come so far."""
    environment = {
        **as_environment(reader.settings),
        "TELEMETRY_TOKEN": secret("staff"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def run(script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    for script, kind, shown in EXAMPLES:
        printed = ""

        def as_shown(script: str = script, kind: str = kind, shown: str = shown) -> bool:
            nonlocal printed
            printed = run(script)
            return fits(json.loads(shown), json.loads(printed)) if kind == "json" else printed.strip() == shown.strip()

        reads = not re.search(r"--data|-X |directory load", script)
        try:
            if reads:
                eventually(as_shown)
            else:
                assert as_shown()
        except AssertionError as error:
            error.add_note(f"{script}\nprinted {printed}\ninstead of {shown}")
            raise


def test_every_command_of_the_page_is_an_example() -> None:
    """Each has below it what it prints."""
    assert len(EXAMPLES) >= 15
    assert all(kind and shown for _, kind, shown in EXAMPLES)


def test_every_route_is_on_the_page(reader: HttpSystem) -> None:
    """The table names the routes that are served, and no other."""
    with reader.client(None, None) as client:
        served = client.get("/openapi.json").json()["paths"]
    named = {f"{method} {path}" for method, path in re.findall(r"`(GET|POST|PUT|DELETE) (/[^`]*)`", PAGE)}

    assert named == {f"{method.upper()} {path}" for path, methods in served.items() for method in methods}
