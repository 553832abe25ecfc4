"""The tokens of the last run on disk, so that a gateway that starts while Kafka is away still knows who may upload."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Final

import orjson

from schemas.reference import Reference

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.directory import Token

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

    def save(self, reference: Reference) -> None:
        """Write the tokens that are in force, if they changed since; raises OSError."""
        lines = (
            orjson.dumps({"key": key.decode(), "value": base64.b64encode(value).decode()})
            for key, value in sorted(reference.records("tokens"))
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
