"""Why the raw log could not be copied, archived or erased from."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from aiokafka.errors import ProducerFenced

from operations.wording import counted
from schemas.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RawLogError", "fenced", "name_taken", "other_partitions", "other_students", "taken_over"]


class RawLogError(OperatorError):
    """The work cannot be done as asked; the text is one line that says what to do."""


@contextlib.contextmanager
def fenced(target: str) -> Iterator[None]:
    """Raise RawLogError where another run that writes into the same topic has taken over."""
    try:
        yield
    except ProducerFenced as error:
        raise taken_over(target) from error


def taken_over(target: str) -> RawLogError:
    """The error of a run whose topic another one writes into now."""
    return RawLogError(
        f"another restore or copy into {target} was started and has taken over: let it finish; run this again only if "
        "it was stopped."
    )


def other_students(target: str, *, first: str) -> RawLogError:
    """The error of a run that leaves out others than the `first` did, whose choice is a digest and empty for nobody."""
    choice = "some students: give the `--without` of then" if first else "nobody: give no `--without`"
    return RawLogError(f"{target} was begun leaving out {choice}, or choose another name.")


def name_taken(target: str, why: str) -> RawLogError:
    """The error where a topic of the name is there that cannot be written into; `why` says what it is."""
    return RawLogError(f"{target} is taken: {why}; choose another name.")


def other_partitions(target: str, there: int, asked: int) -> RawLogError:
    """The error where the topic is there, with another number of partitions than was asked for."""
    return RawLogError(
        f"{target} is taken: it has {counted(there, 'partition')}, not {asked}; choose another name, or, to go on with "
        f"what was begun with so many, give `--partitions {there}`."
    )
