"""ClickHouse's HTTP interface as a plain function from requests to responses."""

from __future__ import annotations

import hmac
import itertools
import logging
import secrets
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deploy.local.clickhouse.compressed_blocks import pack, pack_pieces
from deploy.local.clickhouse.compression import compress, compress_pieces
from deploy.local.clickhouse.engine import Result
from deploy.local.clickhouse.errors import ClickHouseError
from deploy.local.clickhouse.guard import Guard
from deploy.local.clickhouse.native import LEAST_VERSION, with_protocol
from deploy.local.clickhouse.request import read_query
from deploy.local.clickhouse.responses import DISPLAY_NAME, Response, failure, plain, summary
from deploy.local.clickhouse.sessions import Sessions
from deploy.local.clickhouse.statement import is_select, output_format, split_insert

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from deploy.local.clickhouse.access import Account
    from deploy.local.clickhouse.engine import Engine
    from deploy.local.clickhouse.request import HttpRequest, Query

__all__ = ["Service"]

_log: Final = logging.getLogger(__name__)
_OK: Final = "Ok.\n"
# Queries of analysts at one time, of the server's threads.
_READERS: Final = 8
# Stands for the file in which the data of an INSERT are handed over.
_ANY_FILE: Final = "'data'"
_METHODS: Final = ("GET", "HEAD", "POST", "PUT")
# Formats whose pieces, one after the other, are the whole: no beginning, no end, no header.
_PIECEWISE: Final = frozenset(
    name.lower()
    for name in (
        "CSV", "JSONCompactEachRow", "JSONCompactStringsEachRow", "JSONEachRow", "JSONL", "JSONLines",
        "JSONStringsEachRow", "NDJSON", "Native", "RowBinary", "TSV", "TSVRaw", "TabSeparated", "TabSeparatedRaw",
    )
)  # fmt: skip


class Service:
    """Answers requests; may be called from several threads at the same time."""

    def __init__(self, engine: Engine, accounts: Sequence[Account]) -> None:
        self._engine = engine
        self._accounts = accounts
        self._sessions = Sessions(engine)
        self._guard = Guard(engine.table_functions)
        self._readers = threading.BoundedSemaphore(_READERS)
        self._types = engine.format_types()
        self._names = {name.lower(): name for name in self._types}

    def close(self) -> None:
        """End the named sessions; no request may be running."""
        self._sessions.close()

    def answer(self, request: HttpRequest) -> Response:
        """Answer one request; failures become ClickHouse's own error responses."""
        without_query = _without_query(request)
        if without_query:
            return without_query
        headers = self._headers()
        in_blocks = False
        try:
            query = read_query(request)
            headers.append(("x-clickhouse-query-id", query.id))
            account = self._authenticate(query)
            # From here on errors are packed, too: drivers read what ClickHouse sends them.
            in_blocks = query.in_blocks
            return self._run(query, account, headers)
        except ClickHouseError as error:
            return failure(error, self._engine.version, headers, in_blocks=in_blocks)
        except Exception as error:  # noqa: BLE001 - a defect here must not look like a broken connection
            _log.exception("a request could not be answered")
            return failure(ClickHouseError.from_engine(error), self._engine.version, headers, in_blocks=in_blocks)

    def _headers(self) -> list[tuple[str, str]]:
        return [
            ("x-clickhouse-server-display-name", DISPLAY_NAME),
            ("x-clickhouse-timezone", self._engine.timezone),
        ]

    def _authenticate(self, query: Query) -> Account:
        authenticated = None
        # Each is compared, so that the time tells nothing.
        for account in self._accounts:
            known = hmac.compare_digest(query.user.encode(), account.user.encode())
            if hmac.compare_digest(query.password.encode(), account.password.encode()) and known:
                authenticated = account
        if authenticated is None:
            text = f"{query.user}: Authentication failed: password is incorrect, or there is no user with such name."
            raise ClickHouseError(516, "AUTHENTICATION_FAILED", text)
        return authenticated

    def _run(self, query: Query, account: Account, headers: list[tuple[str, str]]) -> Response:
        if not query.statement.strip():
            raise ClickHouseError(62, "SYNTAX_ERROR", "Syntax error: Empty query")
        results = self._results(query, account)
        try:
            first = next(results)
            second = next(results, None)
        except BaseException:
            results.close()
            raise
        written = output_format(query.statement) or query.format
        name = self._names.get(written.lower(), written)
        content_type = self._types.get(name) or "text/plain; charset=UTF-8"
        headers += [("content-type", content_type), ("x-clickhouse-format", name), summary(first)]
        if query.encoding:
            headers.append(("content-encoding", query.encoding))
        if second is None:
            body = pack(first.body) if query.in_blocks else first.body
            return Response(200, headers, compress(body, query.encoding))
        tag = secrets.token_hex(8)
        headers.append(("x-clickhouse-exception-tag", tag))
        pieces = _pieces(itertools.chain((first, second), results), results, tag)
        if query.in_blocks:
            pieces = pack_pieces(pieces)
        return Response(200, headers, pieces=compress_pieces(pieces, query.encoding))

    @contextmanager
    def _place(self, account: Account) -> Iterator[None]:
        """Analysts may not take the threads that the application's queries need."""
        if not account.reads_only:
            yield
            return
        if not self._readers.acquire(blocking=False):
            text = f"Too many simultaneous queries of {account.user}: {_READERS}"
            raise ClickHouseError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", text)
        try:
            yield
        finally:
            self._readers.release()

    def _results(self, query: Query, account: Account) -> Generator[Result, None, None]:
        with self._place(account), self._sessions.lend(query, account) as session:
            insert = split_insert(query.statement)
            if insert is None:
                self._guard.check(session, query.statement, account)
            else:
                self._guard.check(session, insert.reading(_ANY_FILE), account, _ANY_FILE.encode())
            if insert:
                yield session.insert(insert, query.parameters)
                return
            name = (output_format(query.statement) or query.format).lower()
            if name == "native" and query.protocol >= LEAST_VERSION:
                plain_native = session.run(query.statement, query.format, query.parameters)
                yield replace(plain_native, body=with_protocol(plain_native.body))
                return
            if query.buffered or name not in _PIECEWISE or not is_select(query.statement):
                yield session.run(query.statement, query.format, query.parameters)
                return
            empty = True
            for result in session.stream(query.statement, query.format, query.parameters):
                empty = False
                yield result
            if empty:
                yield Result()


def _without_query(request: HttpRequest) -> Response | None:
    if request.path in ("/ping", "/replicas_status"):
        return plain(200, _OK)
    if request.path not in ("", "/"):
        return plain(404, f"There is no handle {request.path}\n\nUse / or /ping for health checks.\n")
    if request.method == "OPTIONS":
        return Response(204, [("allow", ", ".join((*_METHODS, "OPTIONS")))])
    if request.method not in _METHODS:
        return plain(501, f"The method {request.method} is not supported: use GET or POST.\n")
    if request.method != "POST" and not request.query_string and not request.body:
        return plain(200, _OK)
    return None


def _pieces(results: Iterator[Result], source: Generator[Result, None, None], tag: str) -> Iterator[bytes]:
    try:
        for result in results:
            yield result.body
    except ClickHouseError as error:
        # The status has gone out; clients of ClickHouse 25.11 and later look for this at the end of the body.
        text = f"{error}\n"
        yield f"\r\n__exception__\r\n{tag}\r\n{text}{len(text.encode())} {tag}\r\n__exception__\r\n".encode()
    finally:
        source.close()
