"""Dead letters as they travel: the record as it was, with headers that say where it comes from and why it failed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from schemas.redaction import redacted_body, redacted_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["LETTER", "encode_letter", "letter_headers", "sent_headers"]

# What the headers of a letter that are ours begin with.
LETTER: Final = "dead-letter-"

# Room for our headers and the record's own framing.
_OVERHEAD: Final = 32 << 10
_HEADER_OVERHEAD: Final = 16


def letter_headers(fields: Mapping[str, str | int]) -> list[tuple[str, bytes]]:
    """Our headers of a letter, from their names without the prefix."""
    return [(f"{LETTER}{name}", str(text).encode(errors="replace")) for name, text in fields.items()]


def sent_headers(headers: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The headers of a letter, or of a record, that are not ours: those of what could not be processed."""
    return [(name, data) for name, data in headers if not name.startswith(LETTER)]


def encode_letter(
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes]],
    fields: Mapping[str, str | int],
    *,
    limit: int,
    redact: frozenset[str] = frozenset(),
) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    """Value and headers of the letter of a record, of no more than `limit` bytes together.

    `fields` are topic, partition, offset, timestamp (in milliseconds), stage, reason and what else is known. A value
    that does not fit is cut, and has its SHA-256 in the headers; the keys that `redact` names are left out of value and
    parameters. Of a value that is not whole its size is in the headers.
    """
    sent = sent_headers(headers)
    kept = redacted_headers(sent, redact)
    kept_value = redacted_body(value, redact)
    is_whole = kept_value is value and kept == sent
    ours: dict[str, str | int] = dict(fields)
    if not is_whole:
        ours["size"] = len(value or b"")
    framing = _OVERHEAD + len(key or b"")
    framing += sum(len(name) + len(data or b"") + _HEADER_OVERHEAD for name, data in [*kept, *letter_headers(ours)])
    if kept_value is not None and len(kept_value) + framing > limit:
        if is_whole:
            ours |= {"size": len(kept_value), "sha256": hashlib.sha256(kept_value).hexdigest()}
        kept_value = kept_value[: max(0, limit - framing)]
    return kept_value, [*kept, *letter_headers(ours)]
