"""How somebody wants to see pages: language, light or dark, names or pseudonyms; a cookie that is no secret."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from gateway.language import preferred_language

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.vocabulary import Language

__all__ = ["SCHEMES", "Scheme", "View"]

Scheme = Literal["auto", "light", "dark"]

SCHEMES: Final[tuple[Scheme, ...]] = get_args(Scheme)

_LANGUAGES: Final[dict[str, Language]] = {"en": "en", "es": "es"}


@dataclass(frozen=True, slots=True)
class View:
    """What is chosen; `names` is false where pseudonyms stand for students' names."""

    language: Language = "en"
    scheme: Scheme = "auto"
    names: bool = True

    @classmethod
    def of(cls, cookie: str | None, accept_language: str | None) -> View:
        """What a cookie says, and for what it does not say the browser."""
        parts = (cookie or "").split(".")
        language = _LANGUAGES.get(parts[0]) or preferred_language(accept_language)
        scheme = _scheme(parts[1] if len(parts) > 1 else "", "auto")
        return cls(language, scheme, "hidden" not in parts[2:3])

    def cookie(self) -> str:
        """The cookie's value."""
        return f"{self.language}.{self.scheme}.{'shown' if self.names else 'hidden'}"

    def changed(self, form: Mapping[str, str]) -> View:
        """This, with what a form chooses."""
        language = _LANGUAGES.get(form.get("language", ""), self.language)
        scheme = _scheme(form.get("scheme", ""), self.scheme)
        names = {"shown": True, "hidden": False}.get(form.get("names", ""), self.names)
        return replace(self, language=language, scheme=scheme, names=names)


def _scheme(text: str, otherwise: Scheme) -> Scheme:
    return next((scheme for scheme in SCHEMES if scheme == text), otherwise)
