"""What the commands share: output, settings, errors as one line, and running asynchronous work."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiokafka.errors import KafkaError
from rich.console import Console

from operations.generations import journal as generations
from schemas.errors import OperatorError
from schemas.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from schemas.settings import Settings

__all__ = ["Failed", "err", "live_settings", "out", "run", "settings"]

T = TypeVar("T")

# Tables are cut to the width of a terminal; a file or a pipe has none and takes all of them.
_UNBOUNDED: Final = 250

out: Final = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _UNBOUNDED)
err: Final = Console(stderr=True, highlight=False, soft_wrap=True)


class Failed(OperatorError):  # noqa: N818 - it is a result, the command's exit code 1
    """The command cannot do its work; the text is one line that says what to do."""


def settings(**overrides: Any) -> Settings:
    """The settings of this process; those that are None in `overrides` come from the environment."""
    return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def live_settings() -> Settings:
    """The same with the live generation; without Kafka, which the command itself will complain about, the first one."""
    current = settings()
    try:
        return run(generations.live_settings(current))
    except (KafkaError, OSError):
        return current


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work to its end."""
    return asyncio.run(work)
