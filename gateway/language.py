"""The language in which a caller is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.messages import MESSAGES
from schemas.reference.rules import MOST_RULES

if TYPE_CHECKING:
    from schemas.vocabulary import Language

__all__ = ["preferred_language", "translate"]

# Values that are words themselves.
_WORDS: Final = {
    "a list": "una lista",
    "an object": "un objeto",
    f"a list of at most {MOST_RULES} rules": f"una lista de {MOST_RULES} reglas como máximo",
}


def translate(slug: str, language: Language, /, **values: object) -> str:
    """The text of a slug in a language with its placeholders filled in.

    Raises KeyError for a slug that MESSAGES lacks and for a placeholder without a value.
    """
    message = MESSAGES[slug]
    if language == "en":
        return message.en.format(**values)
    words = {name: _WORDS.get(value, value) if isinstance(value, str) else value for name, value in values.items()}
    return message.es.format(**words)


def preferred_language(accept_language: str | None) -> Language:
    """The language that the header `Accept-Language` prefers of English and Spanish; English where it names neither."""
    best = 0.0
    language: Language = "en"
    for part in (accept_language or "").split(","):
        tag, _, parameters = part.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        name, _, value = parameters.partition("=")
        try:
            weight = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            continue
        if not best < weight <= 1.0:
            continue
        # BreatheCode's clients call English "us".
        if primary in ("en", "us"):
            best, language = weight, "en"
        elif primary == "es":
            best, language = weight, "es"
    return language
