"""Links that log in once: a file for each, which whoever follows the link takes away.

Whoever may write to the directory of the spool may let somebody in; the link itself is kept nowhere.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LINK_SECONDS", "offer_link", "offered_token", "take_link", "with_link"]

LINK_SECONDS: Final = 600

_ADDRESS: Final = "/console/login?link="
_PREFIX: Final = "console-link-"
_BYTES: Final = 24
_LONGEST: Final = 200


def _file(directory: Path, code: str) -> Path:
    return directory / f"{_PREFIX}{hashlib.sha256(code.encode('utf-8', 'replace')).hexdigest()}"


def offer_link(directory: Path, token: str, now: float) -> str:
    """The code of a link that logs in once with a token, by its SHA-256, within ten minutes; blocks, raises OSError.

    `now` is in seconds since 1970. Links that nobody has followed yet end with it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in directory.glob(f"{_PREFIX}*"):
        left.unlink(missing_ok=True)
    code = secrets.token_urlsafe(_BYTES)
    descriptor = os.open(_file(directory, code), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{token} {int(now) + LINK_SECONDS}\n")
    return code


def offered_token(directory: Path, code: str, now: float) -> str | None:
    """The SHA-256 of the token that a link logs in with; None for one that was followed, is too old or is none.

    It can be followed afterwards as well. Blocks.
    """
    if not code or len(code) > _LONGEST:
        return None
    try:
        token, until = _file(directory, code).read_text("ascii").split()
    except (OSError, ValueError):
        return None
    if now < int(until):
        return token
    take_link(directory, code)
    return None


def take_link(directory: Path, code: str) -> bool:
    """Whether this is who follows a link first, in whichever process: the one that takes the file away. Blocks."""
    try:
        _file(directory, code).unlink()
    except OSError:
        return False
    return True


def with_link(gateway: str, code: str) -> str:
    """The link itself, at a gateway's address."""
    return f"{gateway}{_ADDRESS}{code}"
