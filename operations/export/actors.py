"""Who a student is outside: a pseudonym by the system's key, or the account that the LMS knows.

A fact's identity is a hash of whose it is and of what: whoever tries all user ids finds the student. So with pseudonyms
it does not leave the system either.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from schemas.wire.pseudonyms import is_pseudonym

if TYPE_CHECKING:
    from schemas.wire.pseudonyms import Pseudonyms

__all__ = ["Actors", "As"]

_PURPOSE: Final = b"xapi-items"
_FINGERPRINT: Final = b"xapi-fingerprint"


class As(StrEnum):
    """What students are called."""

    PSEUDONYMS = "pseudonyms"
    ACCOUNTS = "accounts"


@dataclass(frozen=True, slots=True)
class Actors:
    """Names of students: with `pseudonyms` what their key makes of an actor, without them the actor as it is."""

    pseudonyms: Pseudonyms | None

    def name(self, actor: str) -> str:
        """The name of an actor; whoever is a pseudonym here already is the same one outside."""
        if self.pseudonyms is None or is_pseudonym(actor):
            return actor
        return self.pseudonyms.of(actor)

    @property
    def fingerprint(self) -> str:
        """What tells this way to name students from any other, and nothing of the key."""
        if self.pseudonyms is None:
            return As.ACCOUNTS
        digest = hmac.digest(self.pseudonyms.key, _FINGERPRINT, hashlib.sha256)
        return f"{As.PSEUDONYMS}-{digest.hex()[:32]}"

    def item(self, item_id: str) -> str:
        """What stands for a fact, always the same: with `pseudonyms` by a key for this alone."""
        if self.pseudonyms is None:
            return item_id
        own = hmac.digest(self.pseudonyms.key, _PURPOSE, hashlib.sha256)
        return hmac.digest(own, item_id.encode(), hashlib.sha256).hex()
