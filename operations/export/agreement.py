"""What an export keeps to for ever: which store it fills, and how students and tutorials are named there.

Under another homepage, another key or another way to name students every fact is another statement, and a store would
have all of them a second time without a word. Two remember how it was: the export's file, and a statement in the store
(operations.export.statements.Statements.mark), for whoever has lost the file or is elsewhere.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from operations.export.errors import ExportError

if TYPE_CHECKING:
    from pathlib import Path

    from operations.export.address import Address
    from operations.export.statements import Statements

__all__ = ["Agreement"]


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """The store as messages show it and by a digest of its address, and how names are made; nothing of it is secret."""

    store: str
    address: str
    homepage: str
    actors: str
    key: str

    @staticmethod
    def of(address: Address, statements: Statements) -> Agreement:
        """That of an export of such statements to an address."""
        digest = hashlib.sha256(address.url.encode()).hexdigest()
        way, _, key = statements.actors.fingerprint.partition("-")
        return Agreement(store=str(address), address=digest, homepage=statements.homepage, actors=way, key=key)

    def expect(self, given: Agreement, file: Path) -> None:
        """Raise ExportError where an export that found this in its file is another one."""
        if given == self:
            return
        if given.address != self.address:
            message = (
                f"{file} says how far the export to {self.store} has come, this one is to {given.store}"
                f"{' with another query' if given.store == self.store else ''}: leave --state out, or name another file"
                " (without a file all is sent, and nothing is there twice)."
            )
            raise ExportError(message)
        message = (
            f"the export to {self.store} began with {self._otherwise(given)}: give that again, or another LRS, since "
            f"this one would have every fact a second time ({file})."
        )
        raise ExportError(message)

    def _otherwise(self, given: Agreement) -> str:
        """What this has otherwise, in words."""
        words = []
        if given.homepage != self.homepage:
            words.append(f"another --homepage ({self.homepage}, not {given.homepage})")
        if given.actors != self.actors:
            words.append(f"another --actors ({self.actors}, not {given.actors})")
        elif given.key != self.key:
            words.append("another key of pseudonyms (TELEMETRY_PSEUDONYM_KEY)")
        return " and ".join(words)
