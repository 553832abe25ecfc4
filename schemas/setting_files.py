"""Settings in files, as containers get their secrets: a directory of files that are named as the settings are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["USUAL", "directory_of", "values_in"]

# Where Docker and Compose put them.
USUAL: Final = Path("/run/secrets")


def directory_of(name: str, given: Mapping[str, str]) -> Path | None:
    """The directory that the setting `name` says, else the usual one if it is there and may be read, else none.

    Raises SettingsError where the setting says what is no directory.
    """
    if said := given.get(name):
        if not Path(said).is_dir():
            message = f"{name}: {said} is no directory. Correct it or unset it."
            raise SettingsError(message)
        return Path(said)
    # On a machine that is no container it may be somebody else's.
    return USUAL if USUAL.is_dir() and os.access(USUAL, os.R_OK | os.X_OK) else None


def values_in(directory: Path, prefix: str) -> dict[str, str]:
    """The text of each file whose name begins with `prefix`, in upper or lower case, by that name in upper case.

    Raises SettingsError, which says what to do and nothing of what is in it, for one that cannot be read, that does not
    hold one line, or that is there twice.
    """
    found: dict[str, str] = {}
    try:
        for path in sorted(directory.iterdir()):
            if path.name.upper().startswith(prefix) and path.is_file():
                if path.name.upper() in found:
                    message = f"{path} and one whose name has other letters are the same setting: delete one of them."
                    raise SettingsError(message)
                # Some editors begin a file with a mark of its encoding.
                found[path.name.upper()] = _line_of(path, path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        at, reason = error.filename or directory, error.strerror or error
        message = f"{at} cannot be read: {reason}. Let the user of this process, {os.geteuid()}, read it."
        raise SettingsError(message) from error
    except UnicodeDecodeError as error:
        message = f"a file in {directory} is not UTF-8: {error}. Save it as UTF-8."
        raise SettingsError(message) from error
    return found


def _line_of(path: Path, text: str) -> str:
    """A file's one line without the blanks around it."""
    line = text.strip()
    if not line:
        # A key or a password of no letters would be one that everybody knows.
        message = f"{path} is empty: write the setting's value into it, or delete it."
        raise SettingsError(message)
    if not line.isprintable():
        message = f"{path} holds more than one line of text: write the setting's value into it, and nothing else."
        raise SettingsError(message)
    return line
