"""What pages say, in English and Spanish, by key; a page's own words stand in a module of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.console.words import general, overview, stuck

if TYPE_CHECKING:
    from schemas.vocabulary import Language

__all__ = ["WORDS", "say"]

# Key -> what is said in English and in Spanish, with the same `{placeholders}`.
WORDS: Final[dict[str, tuple[str, str]]] = {
    key: said for module in (general, overview, stuck) for key, said in module.WORDS.items()
}


def say(language: Language, key: str, /, **values: object) -> str:
    """The text of a key with its placeholders filled in; raises KeyError for a key or a value that is missing."""
    text = WORDS[key][0 if language == "en" else 1]
    return text.format(**values) if values else text
