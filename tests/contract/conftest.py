"""One running system for all contract tests of the HTTP interface, and ids of packages to tell their webhooks by."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.support.http_system import HttpSystem, http_system

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

_packages = itertools.count(1000)


@pytest.fixture(scope="session")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """Gateway, worker and sink, with the directory and the tokens of tests.support.http_directory."""
    with http_system(stack, tmp_path_factory.mktemp("http")) as running:
        yield running


@pytest.fixture
def package() -> int:
    """A package id that no other test uses, so that its filter shows only this test's rows."""
    return next(_packages)
