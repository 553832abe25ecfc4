"""The settings that change what a webhook means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.settings import REDACTION_OFF
from schemas.wire.pseudonyms import NO_KEY, Pseudonyms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.settings import Settings

__all__ = ["Past", "Policy"]

_SECOND_MS: Final = 1000

# Of other keys facts have sizes at most.
_TOLD: Final = frozenset({"agent", "cpuUsage", "errorType", "memoryUsage", "percentage", "signal"})


@dataclass(frozen=True, slots=True)
class Policy:
    """How strictly the directory is taken, and what is forgotten, left out or computed.

    `dedup_window` is in milliseconds; `redact` names the keys that no stored document, overlay or fact keeps;
    `previews` keeps the code of notebooks' cells, `notebook_properties` names those of their properties that hold
    names; `pseudonyms` are those of user ids that are no numbers, and of notebooks' names where `hide_notebook_names`;
    `algorithm` is the version of the indicators.
    """

    strict: bool = False
    dedup_window: int = 600 * _SECOND_MS
    redact: frozenset[str] = frozenset()
    previews: bool = False
    notebook_properties: frozenset[str] = frozenset()
    pseudonyms: Pseudonyms = NO_KEY
    hide_notebook_names: bool = False
    algorithm: float = 1.0

    @property
    def untold(self) -> frozenset[str]:
        """Of the keys that are redacted those whose values facts would tell."""
        return self.redact & _TOLD

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The policy that these settings ask for."""
        return cls(
            strict=settings.directory == "strict",
            dedup_window=settings.dedup_window * _SECOND_MS,
            redact=settings.redacted_keys,
            previews=REDACTION_OFF in settings.redact,
            notebook_properties=frozenset(settings.notebook_properties),
            pseudonyms=Pseudonyms(settings.pseudonym_key.get_secret_value().encode())
            if settings.pseudonym_key
            else NO_KEY,
            hide_notebook_names=settings.notebook_names == "pseudonym",
            algorithm=float(settings.algorithm),
        )


@dataclass(frozen=True, slots=True)
class Past:
    """That webhooks are processed once more, beside a live generation, which has said what concerns others.

    The directory is taken as it is and not written. `ignored` has the text of what a rule ignored by the webhook's
    version, and then nothing else is judged by rules; None where today's rules judge.
    """

    ignored: Mapping[int, str] | None
