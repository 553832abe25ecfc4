"""Numbers, times and texts as people read them, in their language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from schemas.vocabulary import Language

__all__ = ["Formats", "cut", "instant_of"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_AGO: Final = {"en": "{} ago", "es": "hace {}"}
_NOW: Final = {"en": "just now", "es": "ahora mismo"}
_NONE: Final = "\N{EN DASH}"
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_STEP: Final = 1000
# From so many on there are two units, and no decimals.
_TWO: Final = 2


def instant_of(text: str) -> datetime:
    """The instant of a text that gateway.reading.shown made."""
    return datetime.fromisoformat(text)


def cut(text: str, most: int = 80) -> str:
    """A text, or its beginning where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


@dataclass(frozen=True, slots=True)
class Formats:
    """How things are written in a language at a moment; what is None is a dash."""

    language: Language
    now: datetime

    def number(self, value: float | None, decimals: int = 0) -> str:
        """A number with its thousands apart."""
        if value is None:
            return _NONE
        text = f"{value:,.{decimals}f}"
        return text if self.language == "en" else text.translate(str.maketrans(",.", ".,"))

    def percent(self, part: float, whole: float) -> str:
        """A share in percent."""
        return _NONE if not whole else f"{self.number(100 * part / whole)} %"

    def bytes(self, size: float | None) -> str:
        """A size."""
        if size is None:
            return _NONE
        unit = 0
        while size >= _STEP and unit < len(_UNITS) - 1:
            size, unit = size / _STEP, unit + 1
        return f"{self.number(size, 1 if unit and size < 10 else 0)} {_UNITS[unit]}"  # noqa: PLR2004 - one digit

    def duration(self, seconds: float | None) -> str:
        """A span: seconds below two minutes, minutes below two hours, hours below two days, then days."""
        if seconds is None:
            return _NONE
        if seconds < 1:
            return f"{self.number(1000 * seconds)} ms"
        for least, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
            if seconds >= _TWO * least:
                return f"{self.number(int(seconds // least))} {name}"
        return f"{self.number(seconds)} s"

    def ago(self, text: str | None) -> str:
        """How long ago an instant was, with the exact one beside the pointer."""
        if text is None:
            return _NONE
        seconds = (self.now - instant_of(text)).total_seconds()
        said = _NOW[self.language] if seconds < 1 else _AGO[self.language].format(self.duration(seconds))
        return self._time(text, said)

    def exact(self, text: str | None) -> str:
        """An instant with its day and second, in UTC."""
        if text is None:
            return _NONE
        return self._time(text, self._written(text))

    def clock(self, text: str) -> str:
        """The time of day of an instant, in UTC."""
        return self._time(text, f"{instant_of(text):%H:%M:%S}")

    def day(self, text: str) -> str:
        """A UTC day."""
        return text if self.language == "en" else f"{instant_of(text):%d/%m/%Y}"

    def _written(self, text: str) -> str:
        at = instant_of(text).astimezone(UTC)
        return f"{at:%Y-%m-%d %H:%M:%S}" if self.language == "en" else f"{at:%d/%m/%Y %H:%M:%S}"

    def _time(self, text: str, said: str) -> str:
        return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(escape(text), self._written(text), said)
