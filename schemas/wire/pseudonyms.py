"""Pseudonyms of people: the same for the same name and key, and telling nothing of the name to who has no key."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final

__all__ = ["NO_KEY", "PREFIX", "Pseudonyms", "is_pseudonym"]

# No client's text becomes an actor that begins like this (streams.core.identity).
PREFIX: Final = "pseudonym:"

_DIGITS: Final = 32
_WHOLE: Final = re.compile(f"{PREFIX}[0-9a-f]{{{_DIGITS}}}")


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Pseudonyms by one secret key (HMAC-SHA256); whoever has another key, or none, cannot tell whose they are."""

    key: bytes = b""

    def of(self, name: str) -> str:
        """The pseudonym of a name."""
        digest = hmac.digest(self.key, name.encode("utf-8", "surrogatepass"), "sha256")
        return f"{PREFIX}{digest.hex()[:_DIGITS]}"

    def actor_of(self, user: str) -> str:
        """The actor of a user id: a number as it is, any other text by its pseudonym."""
        return user if user.isascii() and user.isdigit() else self.of(user)


def is_pseudonym(actor: str) -> bool:
    """Whether an actor has the form of what `Pseudonyms` makes; a text that only begins like it may be a name."""
    return _WHOLE.fullmatch(actor) is not None


# Where nothing is kept: who compares names only among themselves needs no key.
NO_KEY: Final = Pseudonyms()
