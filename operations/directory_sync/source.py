"""What the LMS's PostgreSQL says: keys in pages with the times of their last changes, and whole records of some keys.

Every question is a statement by itself that can only read, ends after some time and answers so many rows at most, so
nothing of the LMS is held up: no snapshot is kept from one page to the next.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from operations.postgres import NO_TEXT, PostgresError, is_away

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import psycopg

    from schemas.reference.lookup import Kind

__all__ = ["PAGE_ROWS", "RECORD_ROWS", "Clock", "Key", "QueryError", "Source", "key_bytes"]

# Rows of an answer: keys are a few bytes each, records may be long.
PAGE_ROWS: Final = 5_000
RECORD_ROWS: Final = 500

_ID: Final = "id"
_UPDATED: Final = "updated_at"
# PostgreSQL's numbers of int2, int4 and int8, and of text, char and varchar.
_INTEGERS: Final = frozenset({20, 21, 23})
_TEXTS: Final = frozenset({25, 1042, 1043})
# Names of columns in which a token's secret would stand.
_SECRETS: Final = frozenset({"key", "token", "secret", "password"})

_KEYS: Final = "SELECT q.id, {updated} FROM (\n{query}) AS q WHERE {id} > %s ORDER BY {id} LIMIT %s"
_RECORDS: Final = "SELECT q.id, row_to_json(q)::text FROM (\n{query}) AS q WHERE q.id = ANY(%s) LIMIT %s"
_PAGE: Final = "SELECT q.id, row_to_json(q)::text FROM (\n{query}) AS q WHERE {id} > %s ORDER BY {id} LIMIT %s"
# Each by itself, so that an index of a table's key answers it.
_KEYLESS: Final = (
    "SELECT (SELECT count(*) FROM (\n{query}) AS q WHERE q.id IS NULL), "
    "(SELECT count(*) FROM (\n{query}) AS q WHERE {other})"
)
_COLUMNS: Final = "SELECT * FROM (\n{query}) AS q LIMIT 0"
_NO_TEXT: Final = "22021"


class QueryError(PostgresError):
    """A query cannot be used; the text names its kind."""


class Key(NamedTuple):
    """A record's id as the database has it, and when the row last changed; None where the query does not say."""

    id: int | str
    updated_at: str | None


def key_bytes(number: int | str) -> bytes:
    """The key of a record on its topic."""
    return number.encode() if isinstance(number, str) else b"%d" % number


class Clock:
    """How long the statement has run that runs now; any thread may look."""

    def __init__(self) -> None:
        self._since: float | None = None

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._since = None

    def seconds(self) -> float:
        """0 while none runs."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since


class Source:
    """The queries on a connection of `operations.postgres.reading`; each call blocks, one at a time."""

    def __init__(self, connection: psycopg.Connection[Any], queries: Mapping[Kind, str], clock: Clock) -> None:
        """Look at the columns of each query; raises QueryError where one cannot be used."""
        self._connection = connection
        self._clock = clock
        # psycopg takes `%` for the place of a value.
        self._queries = {kind: query.replace("%", "%%") for kind, query in queries.items()}
        self._timed = {kind: _UPDATED in self._checked(kind) for kind in queries}

    def is_timed(self, kind: Kind) -> bool:
        """Whether rows of a kind say when they changed; if not, all of them have to be compared each time."""
        return self._timed[kind]

    def keys(self, kind: Kind, after: Key | None) -> list[Key]:
        """The next keys in their order, at most PAGE_ROWS; empty behind the last one."""
        updated = "to_json(q.updated_at) #>> '{}'" if self._timed[kind] else "NULL"
        statement = _KEYS.replace("{updated}", updated)
        return [Key(number, at) for number, at in self._paged(kind, statement, after, PAGE_ROWS)]

    def page(self, kind: Kind, after: Key | None) -> list[tuple[Key, str]]:
        """The next records whole, as JSON, at most RECORD_ROWS."""
        return [(Key(number, None), text) for number, text in self._paged(kind, _PAGE, after, RECORD_ROWS)]

    def records(self, kind: Kind, ids: Sequence[int | str]) -> dict[int | str, str]:
        """The records of these ids, RECORD_ROWS at most, as JSON by id; those that are gone are not among them."""
        statement = _RECORDS.replace("{query}", self._queries[kind])
        return dict(self._ask(kind, statement, (list(ids), len(ids))).fetchall())

    def keyless(self, kind: Kind) -> int:
        """How many rows have an id that is null, negative or, of tokens, empty: no page shows them."""
        other = "q.id = ''" if kind == "tokens" else "q.id < 0"
        statement = _KEYLESS.replace("{other}", other).replace("{query}", self._queries[kind])
        return sum(self._ask(kind, statement, ()).fetchone() or ())

    def _paged(self, kind: Kind, statement: str, after: Key | None, limit: int) -> list[tuple[Any, Any]]:
        # Digests in the order of their bytes, whatever language the database speaks.
        column, first = ('q.id COLLATE "C"', "") if kind == "tokens" else ("q.id", -1)
        asked = statement.replace("{id}", column).replace("{query}", self._queries[kind])
        rows = self._ask(kind, asked, (first if after is None else after.id, limit)).fetchall()
        for (number, _), (following, _) in pairwise(rows):
            if number == following:
                message = f"the query of {kind} has several rows of id {number}: group them, or say DISTINCT ON (id)."
                raise QueryError(message)
        return rows

    def _ask(self, kind: Kind, statement: str, values: Sequence[Any]) -> psycopg.Cursor[Any]:
        from psycopg import Error  # noqa: PLC0415 - an extra

        try:
            with self._clock:
                return self._connection.execute(statement.encode(), values)
        except Error as error:
            if is_away(error):
                raise
            message = f"the query of {kind} fails: {str(error).strip().partition(chr(10))[0]}"
            if error.sqlstate == _NO_TEXT:
                message += f"; {NO_TEXT}."
            raise QueryError(message) from None

    def _checked(self, kind: Kind) -> frozenset[str]:
        described = self._ask(kind, _COLUMNS.replace("{query}", self._queries[kind]), ()).description
        types = {column.name: column.type_code for column in described or ()}
        names = frozenset(types)
        if _ID not in names:
            message = f"the query of {kind} has no column `id`: name the key so (SELECT … AS id)."
            raise QueryError(message)
        if types[_ID] not in (_TEXTS if kind == "tokens" else _INTEGERS):
            expected = "text, the SHA-256 of the token" if kind == "tokens" else "an integer"
            message = f"the query of {kind} has an `id` that is not {expected}: cast it."
            raise QueryError(message)
        if kind == "tokens" and (secret := sorted(names & _SECRETS)):
            message = (
                f"the query of tokens has a column `{secret[0]}`: leave it out, and give the SHA-256 of it as `id` "
                "(encode(sha256(key::bytea), 'hex') AS id)."
            )
            raise QueryError(message)
        return names
