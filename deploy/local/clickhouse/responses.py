"""What the server answers: status, headers and body, as ClickHouse words them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.local.clickhouse.compressed_blocks import pack
from deploy.local.clickhouse.errors import http_status

if TYPE_CHECKING:
    from collections.abc import Generator

    from deploy.local.clickhouse.engine import Result
    from deploy.local.clickhouse.errors import ClickHouseError

__all__ = ["DISPLAY_NAME", "Response", "failure", "plain", "summary"]

DISPLAY_NAME: Final = "learnpack-telemetry-local"

_TEXT: Final = "text/plain; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; its body is in `body` or, where `pieces` is given, comes from there."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    pieces: Generator[bytes, None, None] | None = None


def plain(status: int, text: str) -> Response:
    """A short text for a person."""
    return Response(status, [("content-type", _TEXT)], text.encode())


def failure(
    error: ClickHouseError, version: str, headers: list[tuple[str, str]], *, in_blocks: bool = False
) -> Response:
    """The answer to a request that failed, packed into ClickHouse's own blocks where the request asked for them."""
    text = str(error)
    if not text.endswith(")") or "(version " not in text:
        text = f"{text} (version {version} (chDB))"
    extra = [("content-type", _TEXT), ("x-clickhouse-exception-code", str(error.code))]
    body = f"{text}\n".encode()
    return Response(http_status(error.code), [*headers, *extra], pack(body) if in_blocks else body)


def summary(result: Result) -> tuple[str, str]:
    """The header that tells what a statement read and wrote."""
    values = {
        "read_rows": result.read_rows,
        "read_bytes": result.read_bytes,
        "written_rows": result.written_rows,
        "written_bytes": result.written_bytes,
        "total_rows_to_read": 0,
        "result_rows": result.result_rows,
        "result_bytes": len(result.body),
        "elapsed_ns": result.elapsed_ns,
    }
    text = json.dumps({name: str(value) for name, value in values.items()}, separators=(",", ":"))
    return "x-clickhouse-summary", text
