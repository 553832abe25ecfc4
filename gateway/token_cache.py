"""The tokens of the last run on disk, so that a gateway that starts while Kafka is away still knows who may upload."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Final

import orjson

from schemas.reference.lookup import Reference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from schemas.reference.directory import Token

__all__ = ["TokenCache"]

_FILE: Final = "tokens.ndjson"


class TokenCache:
    """Records of the tokens topic (SHA-256s, never secrets) in the spool's directory; every method blocks."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE
        self._cached = Reference()
        self._saved: bytes | None = None

    def load(self) -> bool:
        """Read what an earlier run saved; whether there was anything of use."""
        try:
            saved = self._path.read_bytes()
            for line in saved.splitlines():
                record = orjson.loads(line)
                self._cached.apply("tokens", record["key"].encode(), base64.b64decode(record["value"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return False
        self._saved = saved
        return bool(saved)

    def token(self, sha256: str) -> Token | None:
        """A token as it was in the last run."""
        return self._cached.token(sha256)

    @property
    def holds_any(self) -> bool:
        """Whether anything of an earlier run is held."""
        return any(True for _ in self._cached.records("tokens"))

    def forget(self) -> None:
        """Drop what was loaded: what the topics say counts from now on, and may have revoked some of it."""
        self._cached = Reference()

    def save(self, tokens: Sequence[tuple[bytes, bytes]]) -> None:
        """Write the tokens that are in force, key and value, if they changed since; raises OSError.

        They are passed as they were at one moment: this runs in a thread while the loop goes on changing its view.
        """
        lines = (
            orjson.dumps({"key": key.decode(), "value": base64.b64encode(value).decode()})
            for key, value in sorted(tokens)
        )
        current = b"\n".join(lines)
        if current == self._saved:
            return
        beside = self._path.with_suffix(".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(current)
        beside.replace(self._path)
        self._saved = current
