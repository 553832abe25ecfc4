"""Several ClickHouse servers: whoever is away is passed over, and used again when it is back.

Two engines that share nothing show that requests go to the other one, and come back. Two doors to one engine, as two
replicas are to one table, show that a block whose answer is lost at one of them is stored once when the other one gets
it. What no test here shows is replication itself: that two replicas know each other's tokens is ClickHouse's promise.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from pydantic import SecretStr

from broker import failover
from broker.clickhouse import connect
from gateway.reading.store import ClickHouse, ReadError
from schemas.settings import Settings
from sinks.clickhouse import connect as connect_sink
from sinks.clickhouse import insert_settings
from tests.chaos.sink_load import Load, check
from tests.support.doors import Door
from tests.support.sink import SinkBench
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from deploy.local.clickhouse import ClickHouseServer
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes
    from tests.support.stack import Stack

pytestmark = pytest.mark.system

TOKENS: Final = "ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100"


def at(url: str, *ports: int) -> str:
    """The URL of servers with the login of another one."""
    login = urlsplit(url).netloc.rpartition("@")[0]
    return f"http://{login}@{','.join(f'127.0.0.1:{port}' for port in ports)}"


def port_of(stack: Stack) -> int:
    """The port of the run's server."""
    return urlsplit(stack.clickhouse).port or 8123


@contextlib.contextmanager
def doors(url: str) -> Iterator[tuple[Door, Door]]:
    """Two doors to the server at a URL."""
    port = urlsplit(url).port or 8123
    with Door(port) as first, Door(port) as second:
        yield first, second


def behind(stack: Stack, first: Door, second: Door) -> Client:
    """A client of the run's server behind two doors."""
    return client_of(at(stack.clickhouse, first.port, second.port))


@contextlib.contextmanager
def refusing(code: int) -> Iterator[int]:
    """The port of a server that answers every request with an error of ClickHouse's, as one replica may."""

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(500)
            self.send_header("X-ClickHouse-Exception-Code", str(code))
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - as above

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def client_of(url: str) -> Client:
    """A client as the parts have it."""
    return connect(Settings(_env_file=None, clickhouse=url), connect_seconds=30, answer_seconds=60)


def test_requests_go_to_the_server_that_is_there(
    clickhouse_servers: Callable[[], ClickHouseServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed server's inserts and queries are the next one's, in the same call; when it is back they are its own."""
    monkeypatch.setattr(failover, "PAUSE_SECONDS", 0.3)
    first, second = clickhouse_servers(), clickhouse_servers()
    with contextlib.closing(client_of(at(first.url, first.port, second.port))) as client:
        for server in (first, second):
            with contextlib.closing(clickhouse_connect.get_client(dsn=server.url)) as its:
                its.command(f"CREATE TABLE default.seen (a String) {TOKENS}")
        client.insert("default.seen", [["before"]], column_names=["a"])
        first.kill()
        client.raw_insert("default.seen", ["a"], b'{"a":"meanwhile"}', settings=insert_settings("x"), fmt="JSONEachRow")
        assert client.query("SELECT a FROM default.seen").result_rows == [("meanwhile",)]
        first.start()

        def again() -> bool:
            return client.query("SELECT a FROM default.seen").result_rows == [("before",)]

        eventually(again, what="the first server's own rows")


def test_a_block_whose_answer_is_lost_is_stored_once(stack: Stack, clickhouse: Client, database: str) -> None:
    """The same block with the same token goes through the other door, and the table has its rows once."""
    clickhouse.command(f"CREATE DATABASE {database}")
    clickhouse.command(f"CREATE TABLE {database}.seen (a UInt64) {TOKENS}")
    with doors(stack.clickhouse) as (first, second), contextlib.closing(behind(stack, first, second)) as client:
        insert = functools.partial(client.raw_insert, f"{database}.seen", ["a"], b'{"a":1}\n{"a":2}', fmt="JSONEachRow")
        first.slam_at(b"insert_deduplication_token=x")
        with contextlib.suppress(OperationalError):
            # The driver may repeat it by itself.
            insert(settings=insert_settings("x"))
        assert first.slammed == 1
        first.shut()
        insert(settings=insert_settings("x"))

    assert clickhouse.command(f"SELECT count() FROM {database}.seen") == 2


def test_an_answer_of_one_server_alone_sends_the_next_try_to_another(stack: Stack) -> None:
    """A replica that says that its table is read-only is passed over by whoever tries again."""
    with refusing(242) as port:
        url = at(stack.clickhouse, port, port_of(stack))
        with pytest.raises(DatabaseError, match="242"):
            client_of(url)
        with contextlib.closing(client_of(url)) as client:
            assert client.command("SELECT 7") == 7


async def test_readers_go_to_the_server_that_is_there(stack: Stack) -> None:
    """A gateway's question that the first server does not answer is answered by the second; with none it is told so."""
    with doors(stack.clickhouse) as (first, second):
        reader = ClickHouse(Settings(_env_file=None, clickhouse=at(stack.clickhouse, first.port, second.port)))
        reader.database = "default"
        assert await reader.rows("SELECT 1 AS a") == [{"a": 1}]
        await asyncio.to_thread(first.shut)
        assert await reader.rows("SELECT 2 AS a") == [{"a": 2}]
        await asyncio.to_thread(second.shut)
        with pytest.raises(ReadError):
            await reader.rows("SELECT 3 AS a")
        await asyncio.to_thread(second.open)
        assert await reader.rows("SELECT 4 AS a") == [{"a": 4}]
        await reader.close()


async def test_a_refused_question_is_not_asked_elsewhere(stack: Stack) -> None:
    """What one server finds wrong with a question, every other one would."""
    with doors(stack.clickhouse) as (first, second):
        reader = ClickHouse(Settings(_env_file=None, clickhouse=at(stack.clickhouse, first.port, second.port)))
        reader.database = "default"
        with pytest.raises(ReadError, match="UNKNOWN_IDENTIFIER"):
            await reader.rows("SELECT nothing_of_this_name")
        assert second.connections == 0
        await reader.close()


async def test_a_sink_loses_and_doubles_nothing_between_two_doors(
    stack: Stack, settings: SettingsFactory, clickhouse: Client, processes: Processes, tmp_path: Path
) -> None:
    """Doors are shut, opened and slammed in the middle of blocks under load; every table is exact at the end."""
    with doors(stack.clickhouse) as (first, second):
        bench = SinkBench(settings(clickhouse=at(stack.clickhouse, first.port, second.port)), processes, tmp_path)
        await bench.setup()
        async with Load(bench).running() as load:
            child = bench.start()
            await load.grows(20)
            for number in (1, 2):
                first.slam_at(b"insert_deduplication_token")
                await asyncio.to_thread(first.await_slam, number)
                await asyncio.to_thread(first.shut)
                await load.grows(20)
                second.slam_at(b"insert_deduplication_token")
                await asyncio.to_thread(second.await_slam, number)
                await asyncio.to_thread(first.open)
                await asyncio.to_thread(second.shut)
                await load.grows(20)
                await asyncio.to_thread(second.open)
        await check(clickhouse, bench, load)

    assert "a ClickHouse server is left out" in child.output
    assert "a ClickHouse server is used again" in child.output
    assert child.terminate() == 0


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, ("0", "true", "0")),
        ({"clickhouse_insert_quorum": "auto"}, ("auto", "true", "0")),
        ({"clickhouse_insert_quorum": "2", "clickhouse_sequential_reads": True}, ("2", "false", "1")),
    ],
)
async def test_a_quorum_is_asked_for_by_whoever_connects(
    stack: Stack, given: dict[str, Any], sent: tuple[str, ...]
) -> None:
    """Sinks, commands and gateways send the same settings; on tables that are not replicated they mean nothing."""
    names = ("insert_quorum", "insert_quorum_parallel", "select_sequential_consistency")
    settings = Settings(_env_file=None, clickhouse=SecretStr(stack.clickhouse), database="default", **given)
    asked = f"SELECT [{', '.join(f'toString(getSetting({name!r}))' for name in names)}] AS found"
    with contextlib.closing(connect_sink(settings)) as client:
        assert client.query(asked).result_rows[0][0] == list(sent)
    reader = ClickHouse(settings)
    assert await reader.rows(asked) == [{"found": list(sent)}]
    await reader.close()
