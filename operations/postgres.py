"""The LMS's PostgreSQL as commands read it: read-only, each statement within a time, and no word of a password.

Needs the extra `lms`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from schemas.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

__all__ = ["EXTRA_MISSING", "PostgresError", "identifier", "reading"]

# Never by the bare name: that belongs to whoever registers it in an index.
EXTRA_MISSING: Final = (
    "reading PostgreSQL needs the extra `lms`: `uv sync --extra lms` in a checkout; elsewhere install the wheel by its "
    "path or address, with [lms] behind it."
)

_CONNECT_SECONDS: Final = 10
# A count of all rows reads the whole table once.
STATEMENT_SECONDS: Final = 300
_HIDDEN: Final = "…"
# So that a machine that is gone is an error within a minute: seconds, but the last, milliseconds.
_ALIVE: Final[dict[str, Any]] = {
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_ADDRESS: Final = "--postgres or TELEMETRY_LMS_POSTGRES"


class PostgresError(OperatorError):
    """PostgreSQL cannot be read; the text is one line that says what to do."""


@contextlib.contextmanager
def reading(
    dsn: str, *, statement_seconds: int = STATEMENT_SECONDS, connect_seconds: int = _CONNECT_SECONDS
) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection that cannot write, whose statements end after so many seconds, in UTC; closed after the block.

    `dsn` is a URL or libpq's words; what it does not say comes from libpq's environment (`PGPASSWORD`, `~/.pgpass`).
    Every error of PostgreSQL inside the block is raised as PostgresError.
    """
    try:
        import psycopg  # noqa: PLC0415 - an extra
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PostgresError(EXTRA_MISSING) from error
    try:
        known = conninfo_to_dict(dsn)
    except psycopg.Error:
        # Its text repeats what it could not read, which may be the password.
        message = f"{_ADDRESS} is no address of a database: give it as postgresql://USER@HOST:5432/DATABASE."
        raise PostgresError(message) from None
    secret = str(known.get("password") or "")
    options = (
        f"-c default_transaction_read_only=on -c timezone=UTC -c statement_timeout={statement_seconds * 1000} "
        f"-c idle_in_transaction_session_timeout={statement_seconds * 1000}"
    )
    try:
        with psycopg.connect(
            dsn,
            connect_timeout=int(known.get("connect_timeout") or connect_seconds),
            application_name="learnpack-telemetry",
            options=f"{known.get('options') or ''} {options}".strip(),
            # No snapshot is held between two statements: the LMS's vacuum goes on.
            autocommit=True,
            **{name: value for name, value in _ALIVE.items() if name not in known},
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise PostgresError(_told(error, secret, statement_seconds)) from None


def identifier(name: str) -> Any:
    """A table's name, with its schema before a dot if it has one, as a part of a statement."""
    from psycopg import sql  # noqa: PLC0415 - an extra

    return sql.Identifier(*name.split(".", 1))


def _told(error: psycopg.Error, secret: str, seconds: int) -> str:
    from psycopg import errors  # noqa: PLC0415 - an extra

    lines = str(error).strip().splitlines() or [type(error).__name__]
    text = lines[0].strip()
    if secret:
        text = text.replace(secret, _HIDDEN)
    if isinstance(error, errors.UndefinedTable):
        return f"PostgreSQL: {text}; name the LMS's table with the command's option, with its schema if need be."
    if isinstance(error, errors.UndefinedColumn):
        return f"PostgreSQL: {text}; docs/migrating.md has the columns that are read."
    if isinstance(error, errors.InsufficientPrivilege):
        return f"PostgreSQL: {text}; let its user read the table: GRANT SELECT ON …"
    if isinstance(error, errors.QueryCanceled):
        return f"PostgreSQL: a statement took longer than {seconds} s; read a copy of the database that is not busy."
    return f"PostgreSQL: {text} (check {_ADDRESS}, and that the database can be reached from here)"
