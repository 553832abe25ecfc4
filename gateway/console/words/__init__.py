"""What pages say, in English and Spanish, by key; a page's own words stand in a module of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.console.words import general, operations, overview, rules, stuck, student, tutorial, webhook

if TYPE_CHECKING:
    from schemas.vocabulary import Language

__all__ = ["MODULES", "WORDS", "said", "say"]

MODULES: Final = (general, operations, overview, rules, student, stuck, tutorial, webhook)

# Key -> what is said in English and in Spanish, with the same `{placeholders}`.
WORDS: Final[dict[str, tuple[str, str]]] = {key: said for module in MODULES for key, said in module.WORDS.items()}


def say(language: Language, key: str, /, **values: object) -> str:
    """The text of a key with its placeholders filled in; raises KeyError for a key or a value that is missing."""
    text = WORDS[key][0 if language == "en" else 1]
    return text.format(**values) if values else text


def said(language: Language, beginning: str, name: str) -> str:
    """The text of the key that a beginning and a name make together; the name itself where there is none."""
    key = f"{beginning}{name}"
    return say(language, key) if key in WORDS else name
