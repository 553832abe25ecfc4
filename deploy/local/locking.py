"""One process per data directory: `python -m deploy.local.locking NAME DIRECTORY COMMAND…` runs COMMAND with the lock.

The lock is an open file, so it lasts exactly as long as the process that holds it, however that ends; the command takes
this process's place and inherits it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy.local.errors import LocalStackError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["locked", "locked_command"]

_FILE: Final = "process.lock"


@contextlib.contextmanager
def locked(name: str, directory: Path) -> Iterator[Any]:
    """Hold the lock of a directory; raises LocalStackError with the holder's process id if it is taken."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            message = (
                f"{name} cannot start: its directory {directory} is in use by process {holder}. "
                "Stop it or name another directory."
            )
            raise LocalStackError(message) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file


def locked_command(name: str, directory: Path, command: list[str]) -> list[str]:
    """The command line that runs `command` with the lock of a directory."""
    return [sys.executable, "-m", "deploy.local.locking", name, str(directory), *command]


def main() -> None:
    """Take the lock and become the command; exits 1 with one line if the lock is taken."""
    name, directory, *command = sys.argv[1:]
    try:
        with locked(name, Path(directory)) as file:
            os.set_inheritable(file.fileno(), True)  # noqa: FBT003 - the function's signature
            os.execv(command[0], command)  # noqa: S606 - our own command line
    except (LocalStackError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
