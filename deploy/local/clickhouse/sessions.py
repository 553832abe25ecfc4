"""The sessions that clients name with `session_id`: what one request sets in it, the next one finds.

Most clients name a session and never use it, so a session holds no engine session before a statement changes it.
Settings and the database that come with a request count for that request only.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from deploy.local.clickhouse.errors import ClickHouseError
from deploy.local.clickhouse.literals import quote_string
from deploy.local.clickhouse.statement import changes_database, changes_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.clickhouse.access import Account
    from deploy.local.clickhouse.engine import Engine, EngineSession
    from deploy.local.clickhouse.request import Query

__all__ = ["Sessions"]


@dataclass(slots=True)
class _Named:
    lock: threading.Lock = field(default_factory=threading.Lock)
    engine_session: EngineSession | None = None
    expires: float = 0.0


class Sessions:
    """Lends engine sessions to requests."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._named: dict[str, _Named] = {}
        self._guard = threading.Lock()

    @contextmanager
    def lend(self, query: Query, account: Account) -> Iterator[EngineSession]:
        """Lend the engine session that an account's `query` is to run in, with its database and settings in force.

        Raises ClickHouseError for an unknown database or setting, for a named session that is in use by another
        request (SESSION_IS_LOCKED) or should exist and does not (SESSION_NOT_FOUND).
        """
        # Who only reads leaves nothing in a session, and must not come into another's.
        if not query.session or account.reads_only:
            with self._engine.session(account.role) as session:
                _apply(session, query, account)
                yield session
            return
        named = self._lock(query)
        try:
            with self._in_named(named, query, account) as session:
                yield session
        finally:
            self._release(named, query)

    def close(self) -> None:
        """End all sessions; no request may be running."""
        with self._guard:
            for named in self._named.values():
                if named.engine_session is not None:
                    named.engine_session.close()
            self._named.clear()

    def _lock(self, query: Query) -> _Named:
        with self._guard:
            self._forget_expired()
            named = self._named.get(query.session)
            if named is None:
                if query.session_must_exist:
                    raise ClickHouseError(372, "SESSION_NOT_FOUND", f"Session {query.session} not found")
                named = self._named[query.session] = _Named()
            if not named.lock.acquire(blocking=False):
                text = f"Session {query.session} is locked by a concurrent client"
                raise ClickHouseError(373, "SESSION_IS_LOCKED", text)
            return named

    def _release(self, named: _Named, query: Query) -> None:
        with self._guard:
            named.expires = time.monotonic() + query.session_seconds
            if query.session_ends:
                del self._named[query.session]
                if named.engine_session is not None:
                    named.engine_session.close()
            named.lock.release()

    def _forget_expired(self) -> None:
        now = time.monotonic()
        for name, named in list(self._named.items()):
            if named.expires < now and not named.lock.locked():
                del self._named[name]
                if named.engine_session is not None:
                    named.engine_session.close()

    @contextmanager
    def _in_named(self, named: _Named, query: Query, account: Account) -> Iterator[EngineSession]:
        if named.engine_session is None and changes_session(query.statement):
            named.engine_session = self._engine.session(account.role)
        if named.engine_session is None:
            with self._engine.session(account.role) as session:
                _apply(session, query, account)
                yield session
        elif query.read_only or query.settings.get("readonly", "0") != "0":
            # Nothing lifts readonly again, so such a request gets a copy (without the temporary tables).
            with self._engine.session(account.role) as session:
                _State.of(named.engine_session, _CHANGED).restore(session)
                _apply(session, query, account)
                yield session
        else:
            names = ", ".join(quote_string(name) for name in query.settings)
            before = _State.of(named.engine_session, f"name IN ({names})" if names else "0")
            try:
                _apply(named.engine_session, query, account)
                yield named.engine_session
            finally:
                before.restore(named.engine_session, database=not changes_database(query.statement))


_CHANGED: Final = "changed AND name != 'readonly'"


@dataclass(frozen=True, slots=True)
class _State:
    """The current database and some settings of an engine session."""

    database: str
    changed: dict[str, str]
    unchanged: list[str]

    @classmethod
    def of(cls, session: EngineSession, condition: str) -> _State:
        ((database,),) = session.rows("SELECT currentDatabase()")
        settings = session.rows(f"SELECT name, value, changed FROM system.settings WHERE {condition}")  # noqa: S608 - literals
        return cls(
            database,
            {name: value for name, value, changed in settings if changed},
            [name for name, _, changed in settings if not changed],
        )

    def restore(self, session: EngineSession, *, database: bool = True) -> None:
        if database:
            session.use(self.database)
        session.reset(self.unchanged)
        session.set(self.changed)


def _apply(session: EngineSession, query: Query, account: Account) -> None:
    if query.database:
        session.use(query.database)
    settings = dict(query.settings)
    if account.reads_only:
        settings |= {name: _at_most(settings.get(name), most) for name, most in account.limits.items()}
        settings["readonly"] = "1"
    elif query.read_only and settings.get("readonly", "0") == "0":
        settings["readonly"] = "2"
    session.set(settings)


def _at_most(asked: str | None, most: int) -> str:
    try:
        number = float(asked or "")
    except ValueError:
        return str(most)
    return str(asked) if 0 < number <= most else str(most)
