"""A running system for the contract tests of the API, one for the console's, and package ids to tell webhooks by."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.support.console import logged_in
from tests.support.http_system import HttpSystem, http_system
from tests.support.insights import told_system

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.support.stack import Stack

_packages = itertools.count(1000)


@pytest.fixture(scope="session")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """Gateway, worker and sink, with the directory and the tokens of tests.support.http_directory."""
    with http_system(stack, tmp_path_factory.mktemp("http")) as running:
        yield running


@pytest.fixture(scope="session")
def told(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """Another one, with an open directory, that has stored the bundled documents and those of three who are stuck."""
    with told_system(stack, tmp_path_factory.mktemp("told")) as running:
        yield running


@pytest.fixture(scope="session")
def staff(told: HttpSystem) -> Iterator[httpx.Client]:
    """Its staff of academy 1, in front of a browser."""
    with logged_in(told) as client:
        yield client


@pytest.fixture
def package() -> int:
    """A package id that no other test uses, so that its filter shows only this test's rows."""
    return next(_packages)
