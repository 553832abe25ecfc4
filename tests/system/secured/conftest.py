"""Fixtures of tests against a broker that lets in whom it knows, and each do what is granted."""

from __future__ import annotations

import asyncio
import os
import uuid
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from operations.acls import Part, acls_of, principal_of
from operations.granting import grant_rights
from schemas.settings import PREFIX, Settings
from tests.support.secured_kafka import ADMIN, SecuredKafka, user_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class AsPart(Protocol):
    """Makes settings with which somebody logs in: a part, or the administrator."""

    def __call__(self, part: Part | None = None, **overrides: Any) -> Settings:
        """Settings of the part's user, of the administrator without one; `overrides` come before them."""
        ...


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """The broker, one for all tests of a process."""
    with SecuredKafka(tmp_path_factory.mktemp("secured")) as node:
        yield node


@pytest.fixture
def as_part(secured: SecuredKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsPart:
    """Settings of users, with topics that no other test has. The environment has no say."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    common = {"topic_prefix": f"s{uuid.uuid4().hex[:8]}.", "partitions": 2}
    common |= {"data": tmp_path / "data", "spool": tmp_path / "spool"}

    def make(part: Part | None = None, **overrides: Any) -> Settings:
        # Whoever names a listener says all of how to come to it.
        usual = {} if "kafka" in overrides else secured.as_user(ADMIN if part is None else user_of(part))
        return Settings(_env_file=None, **{**common, **usual, **overrides})

    return make


@pytest.fixture
def granted(as_part: AsPart) -> AsPart:
    """The same, where every part's user may do what its table says, by the administrator's hand."""
    administrator = as_part()
    for part in Part:
        asyncio.run(grant_rights(administrator, acls_of(part, administrator), principal_of(part)))
    return as_part
