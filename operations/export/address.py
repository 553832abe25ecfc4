"""Where a learning record store takes statements: an address that is kept from messages where it may have secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from operations.cut import printable
from operations.export.errors import ExportError

__all__ = ["Address", "home_of", "shown"]

_STATEMENTS: Final = "/statements"
# A scheme, and what an IRI may hold; of the web also a host.
_IRI: Final = re.compile(r"(?!https?:(?!//[^/]))[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f-\xa0<>\"{}|\\^`\s]+")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a store's statements, and the query that goes with each request."""

    path: str
    query: str = ""

    @staticmethod
    def of(url: str) -> Address:
        """That of a store, which is given with or without `/statements`.

        Raises ExportError for one that has a name or a password in it.
        """
        if "@" in url:
            message = (
                "--url has an @, before which a name and a password are mostly given: leave them out, and set"
                " TELEMETRY_LRS_USERNAME and TELEMETRY_LRS_PASSWORD (an @ in a path is written %40)."
            )
            raise ExportError(message)
        path, _, query = url.partition("#")[0].partition("?")
        path = path.rstrip("/")
        return Address(path if path.endswith(_STATEMENTS) else f"{path}{_STATEMENTS}", query)

    @property
    def url(self) -> str:
        """Where statements are sent."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def one(self, parameter: str, statement: str) -> str:
        """Where one statement is read."""
        asked = f"{parameter}={quote(statement, safe='')}"
        return f"{self.path}?{self.query}&{asked}" if self.query else f"{self.path}?{asked}"

    def __str__(self) -> str:
        """As it is printed: without the query, which may have a token."""
        return shown(self.path)


def home_of(given: str) -> str:
    """How ids begin: the homepage that is given, without a slash at its end. Raises ExportError for what is no IRI."""
    home = given.rstrip("/")
    if _IRI.fullmatch(home) is None:
        message = (
            f"--homepage {printable(given)} is no address that ids can begin with: give one like https://lms.example."
        )
        raise ExportError(message)
    return home


def shown(url: str) -> str:
    """An address as it is printed: without what may be secret."""
    return printable(url.partition("#")[0].partition("?")[0].rpartition("@")[2])
