"""To whom a record belongs: a change of that lets others see a student, or takes him from them (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.reference.directory_file import MODELS

if TYPE_CHECKING:
    from schemas.reference.lookup import Kind

__all__ = ["moves"]

_BELONGS: Final[dict[Kind, tuple[str, ...]]] = {
    "users": ("academies",),
    "assets": ("academy",),
    "tasks": ("user_id",),
    "tokens": ("user_id", "academies"),
}


def moves(kind: Kind, key: bytes, held: bytes, value: bytes) -> bool:
    """Whether a record belongs to other academies, or another user, than the one that is held.

    `value` is a record; what is held and is none belongs to nobody.
    """
    names = _BELONGS.get(kind, ())
    try:
        before = MODELS[kind].parse(key, held)
    except (ValueError, RecursionError):
        return False
    after = MODELS[kind].parse(key, value)
    return any(_ids(getattr(before, name)) != _ids(getattr(after, name)) for name in names)


def _ids(value: Any) -> Any:
    # In whichever order they stand.
    return frozenset(value) if isinstance(value, tuple) else value
