"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from operations.absence import Absence

__all__ = ["Finding", "State", "failed", "good", "unreachable", "warning"]

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what is there in `detail`, and in `mend` what to do about it if it is not ok."""

    part: str
    check: str
    state: State
    detail: str
    mend: str = ""


def good(part: str, check: str, detail: str) -> Finding:
    """A check that passed."""
    return Finding(part, check, "ok", detail)


def warning(part: str, check: str, detail: str, mend: str) -> Finding:
    """Something that works now and may not later."""
    return Finding(part, check, "warning", detail, mend)


def failed(part: str, check: str, detail: str, mend: str) -> Finding:
    """Something that does not work."""
    return Finding(part, check, "failed", detail, mend)


def unreachable(part: str, away: Absence | None, detail: str, mend: str) -> Finding:
    """A server that does not answer, or one that does and fails as `detail` says."""
    if away is None:
        return failed(part, "reachable", detail, mend)
    return failed(part, "reachable", away.detail, f"{away.mend[0].upper()}{away.mend[1:]}.")
