"""What a refusal says."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Message"]


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of refusal: its HTTP status and a text in each language, with `{placeholders}`."""

    status: int
    en: str
    es: str
