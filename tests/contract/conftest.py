"""One running system for all contract tests of the HTTP interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.http_system import HttpSystem, http_system

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack


@pytest.fixture(scope="session")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """Gateway, worker and sink, with the directory and the tokens of tests.support.http_system."""
    with http_system(stack, tmp_path_factory.mktemp("http")) as running:
        yield running
