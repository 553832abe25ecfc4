"""Who writes the directory in tests: user 5, in some academies or as an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.api.directory_rights import Writer, require_write, writer_of
from gateway.errors import ApiError
from schemas.reference.directory import Token

if TYPE_CHECKING:
    from schemas.reference.lookup import Kind, Reference

WRITE: Final = "crud_directory"
STAFF: Final = (WRITE, "read_assignment", "crud_telemetry", "upload_assignment_telemetry")


def token(academies: dict[int, tuple[str, ...]], **more: Any) -> Token:
    """The token of user 5."""
    held = {number: frozenset(names) for number, names in academies.items()}
    return Token(sha256="0" * 64, value=b"{}", user_id=5, academies=held, **more)


def writer(*, operates: bool = False, academies: tuple[int, ...] = (1,), strict: bool = True, **more: Any) -> Writer:
    """Whoever may write in some academies, or as an operator everywhere."""
    names = (*STAFF, "operate_telemetry") if operates else STAFF
    return writer_of(token(dict.fromkeys(academies, names), **more), None, strict=strict)


def refused(who: Writer, known: Reference, kind: Kind, key: str, record: dict[str, Any] | None) -> str:
    """The slug of the refusal with what it is about, empty where it is none."""
    try:
        require_write(who, known, kind, key.encode(), None if record is None else orjson.dumps(record))
    except ApiError as error:
        return ".".join(filter(None, (str(error), str(error.values.get("capability", "")))))
    return ""


NOT_OURS: Final = f"missing-capability.record.{WRITE}"
