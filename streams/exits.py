"""How a worker ends when it must not go on: one exit code for each cause, one log line that says what to do."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

import structlog

if TYPE_CHECKING:
    from schemas.exits import ExitCode

__all__ = ["End", "end_process"]

_log: Final = structlog.stdlib.get_logger("streams")


class End(Protocol):
    """Ends the process: nothing after the call runs, nothing that was not committed is kept."""

    def __call__(
        self, code: ExitCode, message: str, /, error: BaseException | None = None, **fields: object
    ) -> NoReturn:
        """Log the message as the reason, the exit code, the fields and the error's traceback, then end."""


def end_process(code: ExitCode, message: str, /, error: BaseException | None = None, **fields: object) -> NoReturn:
    """Log one line and the traceback, then end at once.

    Nothing is cleaned up on purpose: Faust acknowledges what an agent raised, so the only safe way out of a chunk that
    failed is one that no handler can catch. The next owner's transactional producer aborts what was open.
    """
    _log.critical("worker stopped", reason=message, exit_code=int(code), exc_info=error, **fields)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))
