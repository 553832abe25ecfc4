"""What the commands share: output, errors as one line, and running asynchronous work; nothing that loads long."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

from broker.first_answer import wanted_soon
from deploy.cli.screen import Screen
from schemas.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

__all__ = ["NO_ANSWER", "Failed", "agreed", "err", "exit_code", "failing_with", "is_yes", "out", "run"]

T = TypeVar("T")

NO_ANSWER: Final = "nobody answers here: add --yes to agree without being asked."

# Tables are cut to the width of a terminal; a file or a pipe has none and takes all of them.
_UNBOUNDED: Final = 250

# Where an exception keeps the exit code that it ends the command with.
_CODE: Final = "_exit_code"

out: Final = Screen(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _UNBOUNDED)
err: Final = Screen(stderr=True, highlight=False, soft_wrap=True)


class Failed(OperatorError):  # noqa: N818 - it is a result, the command's exit code 1
    """The command cannot do its work; the text is one line that says what to do."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run asynchronous work to its end; a Kafka that does not answer at all it gives up within seconds."""
    with wanted_soon():
        return asyncio.run(work)


@contextlib.contextmanager
def failing_with(code: int) -> Iterator[None]:
    """Let whatever fails here end the command with this exit code: for commands whose 1 is an answer."""
    try:
        yield
    except Exception as error:
        vars(error)[_CODE] = code
        raise


def exit_code(error: Exception) -> int:
    """The exit code with which an error ends the command: 1 unless `failing_with` says another one."""
    return int(vars(error).get(_CODE, 1))


def is_yes(line: str) -> bool:
    """Whether a line of input agrees; raises Failed, which names --yes, where the input has ended without one."""
    if not line:
        err.print()
        raise Failed(NO_ANSWER)
    return line.strip().casefold() in {"y", "yes"}


def agreed(question: str) -> bool:
    """Ask on standard error; whether a person agrees. Raises Failed as `is_yes`."""
    err.print(f"{question} [y/N] ", end="", markup=False)
    return is_yes("" if sys.stdin.closed else sys.stdin.readline())
