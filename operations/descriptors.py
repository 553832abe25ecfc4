"""How many files, sockets among them, a process may have open: looked at before it runs out of them in its work."""

from __future__ import annotations

import resource
from typing import Final

from schemas.errors import OperatorError

__all__ = ["LEAST", "DescriptorsError", "allowed", "require_descriptors"]

# Kafka keeps some files of each partition open, twice as many while a generation is computed beside the live one; a
# worker has a database for each.
LEAST: Final = 1_024
# What is enough for all; far more only costs programs that walk through all of them.
_ENOUGH: Final = 65_536


class DescriptorsError(OperatorError):
    """Too few files may be open; the text says how to allow more."""


def allowed() -> int:
    """How many this process and those that it starts may have open, once the limit is raised as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return _ENOUGH
    return max(soft, min(hard, _ENOUGH))


def require_descriptors(who: str, least: int = LEAST) -> None:
    """Raise the limit of this process as far as it goes; raises DescriptorsError where that is below `least`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    there = allowed()
    if there < least:
        message = (
            f"{who} cannot start: only {there} files may be open (`ulimit -n`), and {least} are needed. "
            "Raise the limit in the shell or the service that starts it."
        )
        raise DescriptorsError(message)
    if soft != resource.RLIM_INFINITY and soft < there:
        resource.setrlimit(resource.RLIMIT_NOFILE, (there, hard))
