"""Whom `forget` has erased, as far as a log says it: its commands stand there behind what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.wire.headers import readable_headers
from schemas.wire.staff import CommandError, ForgetCommand, decode_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from operations.raw_log.students import Students

__all__ = ["Erased"]

# Most records are documents: only what may be a command is parsed.
_COMMAND: Final = b'"student.forget"'


class Erased:
    """The actors whom commands of `forget` among records name, each once, in the order of the commands."""

    def __init__(self) -> None:
        self._actors: dict[str, None] = {}

    @property
    def actors(self) -> list[str]:
        """Whom those that were seen so far name."""
        return list(self._actors)

    def besides(self, students: Students) -> Callable[[Any], bool]:
        """Whether a raw record is of nobody among `students`; those that are not are looked at."""

        def keep(record: Any) -> bool:
            if students.wrote(record):
                return False
            if (actor := _erased_by(record)) is not None:
                self._actors[actor] = None
            return True

        return keep


def _erased_by(record: Any) -> str | None:
    if _COMMAND not in (record.value or b"") or readable_headers(record.headers).source != "staff":
        return None
    try:
        command = decode_command(orjson.loads(record.value))
    except (orjson.JSONDecodeError, CommandError, AttributeError):
        return None
    return command.user_id if isinstance(command, ForgetCommand) else None
