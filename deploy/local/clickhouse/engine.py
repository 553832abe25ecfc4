"""The ClickHouse engine of the chdb wheel, opened on one data directory.

Every request gets an engine session of its own, which takes a quarter of a millisecond: settings, parameters and the
current database of one client can so never reach another. Sessions run in parallel; the queries of one session do not.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from deploy.local.clickhouse.access import CONFIG, EXPECTED_GRANTS, HIDDEN_EXCEPT, KEEPER, write_access
from deploy.local.clickhouse.errors import ClickHouseError
from deploy.local.clickhouse.layout import FILES, make_default_ordinary
from deploy.local.clickhouse.literals import quote_identifier, quote_string, setting_name
from deploy.local.errors import INSTALL_HINT, LocalStackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from deploy.local.clickhouse.statement import Insert

__all__ = ["Engine", "EngineSession", "Result"]

_DATA: Final = "data"


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement returned and cost."""

    body: bytes = b""
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    elapsed_ns: int = 0


class Engine:
    """Holds a data directory open; only one process at a time can."""

    def __init__(
        self, directory: Path, limits: Mapping[str, int], analyst: Sequence[str] = (), threads: int = 0
    ) -> None:
        """Open `directory`, which becomes the current one, with limits for every query and an analyst's grants.

        A query uses `threads` if it asks for no number itself; 0 is one for each core.
        Raises LocalStackError without the wheel, or if the engine refuses the directory or its rules of access.
        """
        try:
            from chdb.state import connect  # noqa: PLC0415 - an optional dependency
        except ImportError as error:
            message = f"chdb, the ClickHouse engine, is not installed. {INSTALL_HINT}"
            raise LocalStackError(message) from error
        self._connect: Any = connect
        try:
            self.table_functions = self._write_access(directory, limits, analyst, threads)
            make_default_ordinary(directory / _DATA)
            # What is behind a question mark is the engine's to read, so no path from outside may be part of it.
            os.chdir(directory)
            self._keeper = connect(f"{_DATA}?config-file={CONFIG}")
            version, timezone = self._keeper.query("SELECT version(), timezone()", "TSV").bytes().decode().split()
            grants = self._keeper.query("SHOW GRANTS", "TSV").bytes().decode().strip()
        except RuntimeError as error:
            message = f"ClickHouse could not open {directory}: {error}"
            raise LocalStackError(message) from error
        # Without its rules the engine would serve everything to everybody.
        if grants != EXPECTED_GRANTS:
            self._keeper.close()
            message = "ClickHouse did not take its rules of access: this version of chdb cannot be used."
            raise LocalStackError(message)
        self._hide_system()
        self.version: str = version
        self.timezone: str = timezone

    def _write_access(
        self, directory: Path, limits: Mapping[str, int], analyst: Sequence[str], threads: int
    ) -> list[str]:
        """Write the rules for the settings that this engine has; the names of its table functions."""
        memory = self._connect(":memory:")
        try:
            lines = memory.query("SELECT name, type FROM system.settings", "TSV").bytes().decode().splitlines()
            names: list[str] = memory.query("SELECT name FROM system.table_functions", "TSV").bytes().decode().split()
        finally:
            memory.close()
        settings = [(name, kind) for name, _, kind in (line.partition("\t") for line in lines)]
        write_access(directory, settings, limits, analyst, threads)
        return names

    def _hide_system(self) -> None:
        keeper = EngineSession(self._keeper)
        keeper.take_role(KEEPER)
        keeper.run(f"DETACH DATABASE {FILES}".encode())
        for (name,) in keeper.rows("SELECT name FROM system.tables WHERE database = 'system'"):
            if name not in HIDDEN_EXCEPT:
                keeper.run(f"DETACH TABLE system.{quote_identifier(name)}".encode())

    def format_types(self) -> dict[str, str]:
        """The output formats that the engine has, each with its content type."""
        sql = "SELECT name, content_type FROM system.formats WHERE is_output"
        lines = self._keeper.query(sql, "TSV").bytes().decode().splitlines()
        return dict(line.split("\t") for line in lines)

    def session(self, role: str) -> EngineSession:
        """A fresh session in a role: default database, default settings."""
        try:
            session = EngineSession(self._connect(_DATA))
        except RuntimeError as error:
            raise ClickHouseError.from_engine(error) from error
        try:
            session.take_role(role)
        except ClickHouseError:
            session.close()
            raise
        return session

    def close(self) -> None:
        """Write what is in memory to disk and let go of the directory; all sessions must be closed before."""
        self._keeper.close()


class EngineSession:
    """A connection to the engine with its own current database, settings, parameters and temporary tables."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def use(self, database: str) -> None:
        """Make `database` the current one."""
        self.run(f"USE {quote_identifier(database)}".encode())

    def take_role(self, role: str) -> None:
        """Have the grants of a role and no others."""
        self.run(f"SET ROLE {role}".encode())

    def set(self, settings: Mapping[str, str]) -> None:
        """Set settings, `readonly` last because it forbids the others."""
        ordered = sorted(settings.items(), key=lambda item: item[0] == "readonly")
        if ordered:
            text = ", ".join(f"{setting_name(name)} = {quote_string(value)}" for name, value in ordered)
            self.run(f"SET {text}".encode())

    def reset(self, names: Iterable[str]) -> None:
        """Give settings their defaults again."""
        text = ", ".join(f"{setting_name(name)} = DEFAULT" for name in names)
        if text:
            self.run(f"SET {text}".encode())

    def rows(self, statement: str) -> list[list[Any]]:
        """Run a statement and return its rows."""
        return [orjson.loads(line) for line in self.run(statement.encode(), "JSONCompactEachRow").body.splitlines()]

    def run(
        self, statement: bytes, output_format: str = "TabSeparated", parameters: Mapping[str, str] | None = None
    ) -> Result:
        """Run a statement without data and return its whole result; `parameters` are values of `{name:Type}`."""
        try:
            result = self._connection.query(statement, output_format, params=parameters)
        except (RuntimeError, UnicodeDecodeError) as error:
            raise ClickHouseError.from_engine(error) from error
        return _result(result, result.bytes())

    def stream(self, statement: bytes, output_format: str, parameters: Mapping[str, str]) -> Iterator[Result]:
        """Run a SELECT and yield its result in pieces, each in the format by itself."""
        try:
            with self._connection.send_query(statement, output_format, params=parameters) as pieces:
                for piece in pieces:
                    yield _result(piece, piece.bytes())
        except RuntimeError as error:
            raise ClickHouseError.from_engine(error) from error

    def insert(self, insert: Insert, parameters: Mapping[str, str]) -> Result:
        """Insert the rows that came with a statement.

        The data are handed over as a file in memory: the engine's own streaming insert answers that rows were written
        when the table has refused them (too many parts, no space, a constraint).
        """
        with _file(insert.data) as path:
            return self.run(insert.reading(quote_string(path)), parameters=parameters)


@contextmanager
def _file(data: memoryview) -> Iterator[str]:
    descriptor = os.memfd_create("insert")
    try:
        written = 0
        while written < len(data):
            written += os.write(descriptor, data[written:])
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _result(result: Any, body: bytes) -> Result:
    return Result(
        body=body,
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
        elapsed_ns=int(result.elapsed() * 1e9),
    )
