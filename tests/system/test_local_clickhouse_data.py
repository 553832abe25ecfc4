"""What the local ClickHouse server has acknowledged is there, once, whatever happens to the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.errors import LocalStackError
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

pytestmark = pytest.mark.system

ONE_BLOCK = {
    "async_insert": 0,
    "max_insert_block_size": 100_000_000,
    "min_insert_block_size_rows": 100_000_000,
    "min_insert_block_size_bytes": 10_000_000_000,
    "input_format_parallel_parsing": 0,
}


@pytest.fixture
def client(local_clickhouse: ClickHouseServer) -> Iterator[Client]:
    """A client with an empty table `data` that remembers deduplication tokens."""
    connected = clickhouse_connect.get_client(dsn=local_clickhouse.url)
    connected.command(
        "CREATE OR REPLACE TABLE data (n UInt64, s String) ENGINE = MergeTree ORDER BY n "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    yield connected
    connected.close()


def rows(count: int) -> bytes:
    """So many rows as JSON lines."""
    return b"".join(b'{"n":%d,"s":"row %d"}\n' % (n, n) for n in range(count))


def insert(client: Client, body: bytes, **settings: Any) -> dict[str, Any]:
    """Insert JSON lines as one block and return the summary."""
    return client.raw_insert("data", insert_block=body, fmt="JSONEachRow", settings={**ONE_BLOCK, **settings}).summary


def count(client: Client) -> int:
    """The number of rows in the table."""
    ((number,),) = client.query("SELECT count() FROM data").result_rows
    return int(number)


def test_an_insert_is_one_part(client: Client) -> None:
    """With the block settings up, a large insert is a single part and its summary counts its rows."""
    summary = insert(client, rows(300_000))

    parts = client.query("SELECT count() FROM system.parts WHERE table = 'data' AND active").result_rows
    assert (summary["written_rows"], parts, count(client)) == ("300000", [(1,)], 300_000)


def test_a_bad_last_row_inserts_nothing(client: Client) -> None:
    """An insert of one block is there whole or not at all."""
    with pytest.raises(DatabaseError, match="Code: 27"):
        insert(client, rows(300_000) + b'{"n":"not a number"}\n')

    assert count(client) == 0


def test_a_token_inserts_its_rows_once(client: Client) -> None:
    """The same deduplication token three times makes the rows once, another token makes them again."""
    for token in ("a", "a", "a", "b"):
        insert(client, rows(1000), insert_deduplication_token=token)

    assert count(client) == 2000


def test_tokens_are_remembered_across_a_restart(clickhouse_servers: Callable[[], ClickHouseServer]) -> None:
    """A token that was used before the server was killed still stands for its rows."""
    server = clickhouse_servers()
    for _ in range(2):
        with connect(server) as client:
            client.command(
                "CREATE TABLE IF NOT EXISTS data (n UInt64, s String) ENGINE = MergeTree ORDER BY n "
                "SETTINGS non_replicated_deduplication_window = 100"
            )
            insert(client, rows(1000), insert_deduplication_token="a")
        server.kill()
        server.start()

    with connect(server) as client:
        assert count(client) == 1000


@pytest.mark.parametrize("fmt", ["Native", "RowBinary", "JSONEachRow", "TSV", "CSV", "Parquet"])
def test_awkward_bytes_arrive_as_they_are(client: Client, fmt: str) -> None:
    """Empty lines, semicolons and SQL in the data, in text and in binary formats, are data."""
    source = (
        "SELECT toUInt64(2570 + number % 3) AS n, arrayElement(["
        "'\\n\\n', ';', '\\n\\n; DROP TABLE data', 'SELECT 1;\\n\\n', unhex('0A0A0A00FF'), ''"
        "], number % 6 + 1) AS s FROM numbers(6000)"
    )
    body = client.raw_query(source, fmt=fmt)

    client.raw_insert("data", insert_block=body, fmt=fmt, settings=ONE_BLOCK)

    expected = client.query(f"SELECT count(), sum(n), sum(cityHash64(s)) FROM ({source})").result_rows
    assert client.query("SELECT count(), sum(n), sum(cityHash64(s)) FROM data").result_rows == expected


@pytest.mark.parametrize(
    ("statement", "data"),
    [
        ("INSERT INTO data FORMAT JSONEachRow", '{"n":1,"s":"a"}'),
        ("insert into data (s, n) format csv", '"a",1'),
        ("INSERT INTO TABLE `data` (`n`, s) SETTINGS async_insert = 0 FORMAT TSV", "1\ta"),
        ("/* FORMAT CSV */ INSERT INTO default.data -- VALUES\n FORMAT JSONCompactEachRow", '[1,"a"]'),
        ("INSERT INTO data VALUES", "(1, 'a');"),
        ("INSERT INTO data (n, s) VALUES", " (1, concat('', 'a'))"),
    ],
)
@pytest.mark.parametrize("where", ["address", "body", "both"])
def test_inserts_are_understood_wherever_they_are(
    client: Client, local_clickhouse: ClickHouseServer, statement: str, data: str, where: str
) -> None:
    """The statement may be in the address with the data behind it or in the body, or all in one of them."""
    address = f"http://127.0.0.1:{local_clickhouse.port}/"
    auth = (local_clickhouse.user, local_clickhouse.password)
    with httpx.Client(auth=auth, timeout=60, trust_env=False, verify=PLAIN) as http:
        whole = f"{statement}\n{data}"
        if where == "address":
            response = http.post(address, params={"query": whole})
        elif where == "body":
            response = http.post(address, content=whole.encode())
        else:
            response = http.post(address, params={"query": statement}, content=data.encode())

    assert response.status_code == 200, response.text
    assert json.loads(response.headers["X-ClickHouse-Summary"])["written_rows"] == "1"
    assert client.query("SELECT n, s FROM data").result_rows == [(1, "a")]


def test_an_insert_from_a_select_needs_no_data(client: Client) -> None:
    """INSERT … SELECT works, and through input() it is refused rather than cut at an empty line."""
    client.command("INSERT INTO data SELECT number, 'x' FROM numbers(10)")

    with pytest.raises(DatabaseError, match="Code: 48"):
        client.command("INSERT INTO data SELECT n, 'y' FROM input('n UInt64') FORMAT CSV\n1\n\n2\n")

    assert count(client) == 10


def connect(server: ClickHouseServer) -> Any:
    """A client of a server, to be used in a with statement."""
    return clickhouse_connect.get_client(dsn=server.url, autogenerate_session_id=False)


def test_data_outlive_a_restart(clickhouse_servers: Callable[[], ClickHouseServer]) -> None:
    """Databases, tables, views and rows are there after an orderly stop and a start."""
    server = clickhouse_servers()
    with connect(server) as client:
        client.command("CREATE DATABASE kept")
        client.command("CREATE TABLE kept.t (n UInt64) ENGINE = MergeTree ORDER BY n")
        client.command("CREATE VIEW kept.v AS SELECT max(n) AS most FROM kept.t")
        client.insert("kept.t", [[n] for n in range(100)], column_names=["n"])

    server.stop()
    server.start()

    with connect(server) as client:
        assert client.query("SELECT most FROM kept.v").result_rows == [(99,)]


def test_what_was_acknowledged_outlives_a_kill(clickhouse_servers: Callable[[], ClickHouseServer]) -> None:
    """SIGKILL amid inserts loses no row that was acknowledged and leaves no insert half done."""
    server = clickhouse_servers()
    with connect(server) as client:
        client.command("CREATE TABLE t (batch UInt64, n UInt64) ENGINE = MergeTree ORDER BY (batch, n)")
    acknowledged: list[int] = []

    def write() -> None:
        with connect(server) as writer:
            batch = 0
            while True:
                body = b"".join(b'{"batch":%d,"n":%d}\n' % (batch, n) for n in range(5000))
                try:
                    writer.raw_insert("t", insert_block=body, fmt="JSONEachRow", settings=ONE_BLOCK)
                except clickhouse_connect.driver.exceptions.Error:
                    return
                acknowledged.append(batch)
                batch += 1

    writing = threading.Thread(target=write)
    writing.start()
    eventually(lambda: len(acknowledged) > 20, 60, "twenty inserts")
    server.kill()
    writing.join()
    server.start()

    with connect(server) as client:
        stored = dict(client.query("SELECT batch, count() FROM t GROUP BY batch").result_rows)
    assert set(acknowledged) <= set(stored)
    assert set(stored.values()) == {5000}


def test_a_stop_lets_running_requests_end(clickhouse_servers: Callable[[], ClickHouseServer]) -> None:
    """SIGTERM while an insert runs: the insert is acknowledged and kept."""
    server = clickhouse_servers()
    with connect(server) as client:
        client.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    outcome: list[object] = []

    def write() -> None:
        with connect(server) as writer:
            outcome.append(writer.command("INSERT INTO t SELECT number + sleepEachRow(0.05) FROM numbers(40)"))

    writing = threading.Thread(target=write)
    writing.start()
    with connect(server) as client:
        running = "SELECT value FROM system.metrics WHERE metric = 'Query'"
        # The question itself is one.
        eventually(lambda: client.query(running).result_rows == [(2,)], 30, "the insert's start")
    server.stop()
    writing.join()
    server.start()

    assert len(outcome) == 1
    with connect(server) as client:
        assert client.query("SELECT count() FROM t").result_rows == [(40,)]


def test_a_directory_serves_one_process(clickhouse_servers: Callable[[], ClickHouseServer]) -> None:
    """A second server on the same directory says which process holds it."""
    server = clickhouse_servers()
    second = ClickHouseServer(server.directory, user="a", password="b")

    with pytest.raises(LocalStackError, match=rf"in use by process {server.pid}\. Stop it or name another directory"):
        second.start()


def test_a_port_in_use_is_named(local_clickhouse: ClickHouseServer, tmp_path: Path) -> None:
    """A port that something listens on is refused before anything starts."""
    second = ClickHouseServer(tmp_path, local_clickhouse.port, user="a", password="b")

    with pytest.raises(LocalStackError, match=rf"127\.0\.0\.1:{local_clickhouse.port}: the port is in use"):
        second.start()


def test_the_password_is_not_in_the_list_of_processes(local_clickhouse: ClickHouseServer) -> None:
    """The command line, which every user of the machine can read, has no password."""
    shown = subprocess.run(
        ["ps", "-o", "args=", "-p", str(local_clickhouse.pid)], capture_output=True, text=True, check=True
    )

    assert "deploy.local.clickhouse" in shown.stdout
    assert local_clickhouse.password not in shown.stdout


def test_a_frozen_server_answers_again(clickhouse_servers: Callable[[], ClickHouseServer]) -> None:
    """SIGSTOP and SIGCONT delay an answer and change nothing else."""
    server = clickhouse_servers()
    with connect(server) as client:
        os.kill(server.pid, signal.SIGSTOP)
        threading.Timer(0.5, os.kill, (server.pid, signal.SIGCONT)).start()
        assert client.query("SELECT 1").result_rows == [(1,)]
