"""Names of topics, behind the prefix: which of them a generation derives, and which are for webhooks."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["DERIVED", "REFERENCE", "is_derived", "is_reserved"]

# Of one generation each; completions are for the LMS, which knows no generations.
DERIVED: Final = ("facts", "outcomes", "scores", "telemetry", "dead-letters")
REFERENCE: Final = (
    "ignore-rules",
    "directory.assets",
    "directory.users",
    "directory.tasks",
    "directory.academies",
    "directory.tokens",
)
_OTHERS: Final = ("ignore-rules.changes", "generations", "completions", "stuck", "forwarders")

_DERIVED: Final = re.compile(rf"(?:{'|'.join(DERIVED)})(?:\.g[0-9]+)?|worker\.g[0-9]+-state-changelog")
# What Faust makes for workers, whose names it derives from the application's.
_WORKERS: Final = "worker."


def is_derived(name: str) -> bool:
    """Whether a name behind the prefix is that of a topic which some generation derives."""
    return _DERIVED.fullmatch(name) is not None


def is_reserved(name: str) -> bool:
    """Whether a name behind the prefix is that of a topic for something else than webhooks, of whatever generation."""
    return name in {*REFERENCE, *_OTHERS} or is_derived(name) or name.startswith(_WORKERS)
