"""Numbers, times and texts as people read them, in their language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from schemas.vocabulary import Language

__all__ = ["Formats", "cut", "instant_of", "step_number"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_AGO: Final = {"en": "{} ago", "es": "hace {}"}
_NOW: Final = {"en": "just now", "es": "ahora mismo"}
_NONE: Final = "\N{EN DASH}"
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_STEP: Final = 1000
# From so many on there are two units, and no decimals.
_TWO: Final = 2
_NUMBER: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){0,2})(?=[-_. ]|$)")


def instant_of(text: str) -> datetime:
    """The instant of a text that gateway.reading.shown made."""
    return datetime.fromisoformat(text)


def cut(text: str, most: int = 80) -> str:
    """A text, or its beginning where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def step_number(slug: str) -> str:
    """The number that a step's slug begins with, as authors count (`08.1-red-borders` has 08.1); empty if none."""
    found = _NUMBER.match(slug)
    return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Formats:
    """How things are written in a language at a moment, with times of a zone; what is None is a dash."""

    language: Language
    now: datetime
    zone: tzinfo = UTC

    @property
    def zone_name(self) -> str:
        """The zone's IANA name."""
        return str(self.zone)

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
        """An instant with its day and second."""
        if text is None:
            return _NONE
        return self._time(text, self._written(text))

    def clock(self, text: str) -> str:
        """The minute of an instant, as axes have it."""
        return f"{self._local(text):%H:%M}"

    def tick(self, text: str) -> str:
        """The day of the year and the minute of an instant, as axes have them."""
        at = self._local(text)
        return f"{at:%m-%d %H:%M}" if self.language == "en" else f"{at:%d/%m %H:%M}"

    def beside(self, text: str) -> str:
        """An instant as it stands beside the pointer: its day and second, and the zone."""
        return f"{self._written(text)} {self.zone_name}"

    def day(self, text: str) -> str:
        """A UTC day."""
        return text if self.language == "en" else f"{instant_of(text):%d/%m/%Y}"

    def _written(self, text: str) -> str:
        at = self._local(text)
        return f"{at:%Y-%m-%d %H:%M:%S}" if self.language == "en" else f"{at:%d/%m/%Y %H:%M:%S}"

    def _time(self, text: str, said: str) -> str:
        return Markup('<time datetime="{}" title="{}">{}</time>').format(escape(text), self.beside(text), said)

    def _local(self, text: str) -> datetime:
        return instant_of(text).astimezone(self.zone)
