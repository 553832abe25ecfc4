"""`directory sync` of an LMS in PostgreSQL, and what the directory holds after it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from operations.directory import load_reference
from tests.support.lms_directory import QUERIES

if TYPE_CHECKING:
    from schemas.reference.lookup import Reference
    from schemas.settings import Settings
    from tests.support.commands import Outcome

__all__ = ["SYNC", "known", "written"]

SYNC: Final = ("directory", "sync", "--query-file", QUERIES)


def known(settings: Settings) -> Reference:
    """What the directory holds."""
    return asyncio.run(load_reference(settings))


def written(outcome: Outcome) -> dict[str, str]:
    """Of each kind what a run says it did."""
    assert outcome.code == 0, outcome.err
    return dict(line.split(": ", 1) for line in outcome.out.splitlines())
