"""docs/api.md: its examples run as they stand, and it names every route."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.blocks import run_by
from tests.support.http_system import HttpSystem, http_system
from tests.support.page_examples import run_examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.blocks import Block
    from tests.support.stack import Stack

pytestmark = pytest.mark.system

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
EXAMPLES = run_by("tests/contract/test_http_page.py::test_the_examples_print_what_the_page_shows")
OF_DIRECTORY = run_by("tests/contract/test_http_page.py::test_the_directory_s_examples_print_what_its_page_shows")


@pytest.fixture(scope="module")
def reader(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """The system of someone who reads the page: as `up` starts it."""
    with http_system(stack, tmp_path_factory.mktemp("page"), directory="open") as running:
        yield running


def test_the_examples_print_what_the_page_shows(reader: HttpSystem, tmp_path: Path) -> None:
    """Each runs in the order of the page; what only reads is asked again until processing has come so far."""
    run_examples(EXAMPLES, reader, tmp_path)


def test_the_directory_s_examples_print_what_its_page_shows(reader: HttpSystem, tmp_path: Path) -> None:
    """Files and requests of docs/directory.md, in their order."""
    run_examples(OF_DIRECTORY, reader, tmp_path)


@pytest.mark.parametrize(("examples", "least"), [(EXAMPLES, 15), (OF_DIRECTORY, 5)], ids=["api", "directory"])
def test_every_command_of_the_page_is_an_example(examples: list[Block], least: int) -> None:
    """Each has below it what it prints."""
    assert len(examples) >= least
    assert all(block.kind and block.output for block in examples)


def test_every_route_is_on_the_page(reader: HttpSystem) -> None:
    """The table names the routes that are served, and no other."""
    with reader.client(None, None) as client:
        served = client.get("/openapi.json").json()["paths"]
    named = {f"{method} {path}" for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`]*)`", PAGE)}

    assert named == {f"{method.upper()} {path}" for path, methods in served.items() for method in methods}
