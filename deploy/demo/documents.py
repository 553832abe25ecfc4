"""Files of telemetry documents and webhooks, as `send` and the demo post them."""

from __future__ import annotations

import gzip
import zlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import orjson

from operations.wording import unreadable
from schemas.lenient import as_utf8, loads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FileError", "demo_documents", "read_webhooks"]

_GZIP: Final = b"\x1f\x8b"


class FileError(ValueError):
    """A file holds no webhooks; the text names the file and the line."""


def _decompressed(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(_GZIP) else data


def demo_documents() -> list[bytes]:
    """The bundled documents of real students, in the order in which they were sent.

    Names, code and output in them are replaced.
    """
    bundle = files("deploy").joinpath("demo/documents.ndjson.gz").read_bytes()
    return gzip.decompress(bundle).splitlines()


def _unwrapped(value: Any) -> Any:
    """The document of a line that wraps it, as exports do: `{"document": {…}, …}`."""
    inner = value.get("document")
    return inner if isinstance(inner, dict) and "telemetry_id" not in value else value


def read_webhooks(path: Path) -> Iterator[bytes]:
    """The bodies to post from a JSON file (one document) or an NDJSON file, either of them gzipped if you like.

    Raises FileError for what is neither, naming the line, and for a file with none.
    """
    try:
        data = as_utf8(_decompressed(path.read_bytes()))
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(unreadable(path, error)) from error
    try:
        whole = loads(data)
    except ValueError:
        lines = data.splitlines()
    else:
        lines = [orjson.dumps(item) for item in whole] if isinstance(whole, list) else [data]
    if not any(map(bytes.strip, lines)):
        message = f"{path} has no webhook: it is empty. Name a file with documents or webhooks."
        raise FileError(message)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = loads(line)
        except ValueError as error:
            message = f"{path}, line {number}: not JSON: {error}"
            raise FileError(message) from error
        if not isinstance(value, dict):
            message = f"{path}, line {number}: not a JSON object"
            raise FileError(message)
        inner = _unwrapped(value)
        yield line if inner is value else orjson.dumps(inner)
