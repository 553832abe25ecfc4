"""The LMS's PostgreSQL as commands read it: read-only, each statement within a time, and no word of a password.

Needs the extra `lms`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from schemas.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

__all__ = ["EXTRA_MISSING", "NO_TEXT", "PostgresError", "identifier", "is_away", "reading", "shut"]

# Never by the bare name: that belongs to whoever registers it in an index.
EXTRA_MISSING: Final = (
    "reading PostgreSQL needs the extra `lms`: `uv sync --extra lms` in a checkout; elsewhere install the wheel by its "
    "path or address, with [lms] behind it."
)

# Of bytes in a database of SQL_ASCII, which takes any.
NO_TEXT: Final = "the database holds text in another encoding: give what it is, convert_from(column::bytea, 'LATIN1')"

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
# Classes of SQLSTATE that tell of a connection, whatever was asked over it: it fails, is not let in, or is ended.
_AWAY: Final = ("08", "28", "3D", "57P")
# As PgBouncer says it of `options`.
_POOLER_REFUSES: Final = "startup parameter"
_IN_FORCE: Final = """
SELECT current_setting('default_transaction_read_only') = 'on',
    (SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout'),
    current_setting('TimeZone') IN ('UTC', 'Etc/UTC'), current_setting('client_encoding')
"""


class PostgresError(OperatorError):
    """PostgreSQL cannot be read; the text is one line that says what to do."""


@contextlib.contextmanager
def reading(
    dsn: str, *, statement_seconds: int = STATEMENT_SECONDS, connect_seconds: int = _CONNECT_SECONDS
) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection that cannot write, whose statements end after so many seconds, in UTC; closed after the block.

    `dsn` is a URL or libpq's words; what it does not say comes from libpq's environment (`PGPASSWORD`, `~/.pgpass`).
    A pooler may stand between, if the database gives its user these settings. Every error of PostgreSQL inside the
    block is raised as PostgresError.
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
    try:
        connect_timeout = int(known.get("connect_timeout") or connect_seconds)
    except ValueError:
        message = f"{_ADDRESS}: `connect_timeout` is no whole number of seconds."
        raise PostgresError(message) from None
    options = (
        f"-c default_transaction_read_only=on -c timezone=UTC -c statement_timeout={statement_seconds * 1000} "
        f"-c idle_in_transaction_session_timeout={statement_seconds * 1000}"
    )
    words: dict[str, Any] = {
        **{name: value for name, value in _ALIVE.items() if name not in known},
        "connect_timeout": connect_timeout,
        "application_name": "learnpack-telemetry",
        # A database of SQL_ASCII says nothing of what its texts are, which come as bytes then.
        "client_encoding": "UTF8",
        # No snapshot is held between two statements: the LMS's vacuum goes on.
        "autocommit": True,
        # Behind a pooler the next statement may be another connection's, where none is prepared, or another one.
        "prepare_threshold": None,
    }
    try:
        try:
            opened = psycopg.connect(dsn, options=f"{known.get('options') or ''} {options}".strip(), **words)
        except psycopg.OperationalError as error:
            if _POOLER_REFUSES not in str(error):
                raise
            opened = psycopg.connect(dsn, **words)
        with opened as connection:
            # A server that is stopped accepts connections, and answers nothing on them.
            late = threading.Timer(connect_seconds, shut, (connection,))
            late.start()
            try:
                _require_settings(connection, statement_seconds)
            finally:
                late.cancel()
            yield connection
    except psycopg.Error as error:
        raise PostgresError(_told(error, secret, statement_seconds)) from None


def is_away(error: psycopg.Error) -> bool:
    """Whether an error is of the connection or the server; every other one is PostgreSQL's answer to a statement."""
    from psycopg import InterfaceError, OperationalError  # noqa: PLC0415 - an extra

    if error.sqlstate is None:
        return isinstance(error, InterfaceError | OperationalError)
    return error.sqlstate.startswith(_AWAY)


def shut(connection: psycopg.Connection[Any]) -> None:
    """End both ways of a connection, for whichever thread waits for it; its descriptor stays that of its owner."""
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as shared:
        shared.shutdown(socket.SHUT_RDWR)


def _require_settings(connection: psycopg.Connection[tuple[Any, ...]], seconds: int) -> None:
    """Raise PostgresError unless what was asked for is in force: poolers leave out what they are given on top."""
    ((read_only, timeout, is_utc, encoding),) = connection.execute(_IN_FORCE).fetchall()
    missing = []
    if not read_only:
        missing.append("default_transaction_read_only = on")
    if not 0 < timeout <= seconds * 1000:
        missing.append(f"statement_timeout = '{seconds}s'")
    if not is_utc:
        missing.append("timezone = 'UTC'")
    if missing:
        message = (
            f"PostgreSQL: {', '.join(missing)} did not arrive there; a pooler such as PgBouncer leaves it out. Give "
            "PostgreSQL's own address, or a user of its own that has it: ALTER ROLE … SET … of each, then RECONNECT."
        )
        raise PostgresError(message)
    if encoding != "UTF8":
        message = f"PostgreSQL: texts come in the encoding {encoding}, not UTF8: give PostgreSQL's own address."
        raise PostgresError(message)


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
    if _POOLER_REFUSES in text:
        advice = f"a pooler such as PgBouncer stands between: take `options` out of {_ADDRESS}."
    elif isinstance(error, errors.UndefinedTable):
        advice = "name the LMS's table with the command's option, with its schema if need be."
    elif isinstance(error, errors.UndefinedColumn):
        advice = "docs/migrating.md has the columns that are read."
    elif isinstance(error, errors.InsufficientPrivilege):
        advice = "let its user read the table: GRANT SELECT ON …"
    elif isinstance(error, errors.CharacterNotInRepertoire):
        advice = f"{NO_TEXT}."
    elif isinstance(error, errors.QueryCanceled):
        return f"PostgreSQL: a statement took longer than {seconds} s; read a copy of the database that is not busy."
    elif is_away(error):
        return f"PostgreSQL: {text} (check {_ADDRESS}, and that the database can be reached from here)"
    else:
        advice = "it answers, and cannot do what it is asked: look at the table or view that is read."
    return f"PostgreSQL: {text}; {advice}"
