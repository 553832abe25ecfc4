"""The sink as `learnpack-telemetry sink` runs it, except that it can be told when to die.

    python -m tests.support.sink_process READY_FILE FAULT

FAULT is empty or `<moment>:<n>`: the process ends with exit code 9, as if killed, at the n-th (from 1) `before-record`,
`after-record`, `before-insert`, `after-insert`, `before-letter` or `after-letter`; what failed has no after.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy.run.logs import configure_logging
from schemas.settings import load_settings
from sinks.main import main
from sinks.writer.commits import Commits
from sinks.writer.dead_letters import DeadLetters
from sinks.writer.inserter import Inserter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_STEPS: Final[dict[str, tuple[type, str]]] = {
    "record": (Commits, "record"),
    "insert": (Inserter, "insert"),
    "letter": (DeadLetters, "send"),
}


def _arm(fault: str) -> None:
    moment, _, number = fault.partition(":")
    when, _, step = moment.partition("-")
    owner, method = _STEPS[step]
    original: Callable[..., Awaitable[Any]] = getattr(owner, method)
    calls = itertools.count(1)

    @functools.wraps(original)
    async def dying(*arguments: Any, **named: Any) -> Any:
        if when == "before" and next(calls) == int(number):
            os._exit(9)
        result = await original(*arguments, **named)
        if when == "after" and next(calls) == int(number):
            os._exit(9)
        return result

    setattr(owner, method, dying)


if __name__ == "__main__":
    ready_file, given = sys.argv[1:]
    if given:
        _arm(given)
    chosen = load_settings(_env_file=None)
    configure_logging(chosen)
    sys.exit(main(chosen, superseded=asyncio.Event().wait, ready_file=Path(ready_file)))
