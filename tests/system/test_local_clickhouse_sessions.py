"""What one client of the local ClickHouse server sets never reaches another."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import clickhouse_connect
import httpx
import pytest

from tests.support.plain_http import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.clickhouse import ClickHouseServer

pytestmark = pytest.mark.system

CLIENTS = 8
ROUNDS = 20


@pytest.fixture
def http(local_clickhouse: ClickHouseServer) -> Iterator[httpx.Client]:
    """A plain HTTP client with the right user."""
    headers = {"X-ClickHouse-User": local_clickhouse.user, "X-ClickHouse-Key": local_clickhouse.password}
    address = f"http://127.0.0.1:{local_clickhouse.port}"
    with httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False, verify=PLAIN) as client:
        yield client


def ask(http: httpx.Client, query: str, **parameters: str) -> str:
    """The answer to a query, or the number of its error."""
    response = http.post("/", params={"query": query, **parameters})
    return response.text.strip() if response.is_success else response.headers["X-ClickHouse-Exception-Code"]


def test_settings_count_for_their_request_only(http: httpx.Client) -> None:
    """A setting in the address holds for that query and is gone for the next."""
    query = "SELECT getSetting('max_threads'), getSetting('readonly')"
    before = ask(http, query)

    assert ask(http, query, max_threads="7", readonly="1") == "7\t1"
    assert ask(http, query) == before


def test_settings_of_any_kind_are_taken(http: httpx.Client) -> None:
    """Numbers, texts with quotes, and booleans arrive as they are."""
    settings = {"max_threads": "3", "log_comment": "it's \\ 'quoted'", "use_uncompressed_cache": "true"}
    query = "SELECT getSetting('max_threads'), getSetting('log_comment'), getSetting('use_uncompressed_cache')"

    answer = ask(http, f"{query} FORMAT TSVRaw", **settings)

    assert answer == "3\tit's \\ 'quoted'\ttrue"


@pytest.mark.parametrize(("name", "code"), [("no_such_setting", "115"), ("max_threads = 1, readonly", "115")])
def test_an_unknown_setting_is_an_error(http: httpx.Client, name: str, code: str) -> None:
    """A name that is no setting is refused, and none can carry SQL."""
    assert ask(http, "SELECT 1", **{name: "1"}) == code


def test_a_bad_value_of_a_setting_is_an_error(http: httpx.Client) -> None:
    """A value that does not fit names what could not be read."""
    assert ask(http, "SELECT 1", max_threads="many") == "27"


def test_readonly_forbids_writing(http: httpx.Client) -> None:
    """With readonly=1 nothing is written and no setting is changed."""
    assert ask(http, "CREATE TABLE never (n Int8) ENGINE = Memory", readonly="1") == "164"
    assert ask(http, "SELECT 1 SETTINGS max_threads = 1", readonly="1") == "164"
    assert ask(http, "SELECT 1", readonly="1", max_threads="2") == "1"


def test_the_database_counts_for_its_request_only(http: httpx.Client) -> None:
    """`database` in the address and in the header holds for that query; an unknown one is an error."""
    query = "SELECT currentDatabase()"

    by_header = http.post("/", params={"query": query}, headers={"X-ClickHouse-Database": "system"}).text

    assert (ask(http, query, database="system"), by_header) == ("system", "system\n")
    assert ask(http, query) == "default"
    assert ask(http, query, database="nowhere") == "81"


def test_parameters_are_values(http: httpx.Client) -> None:
    """`param_x` fills `{x:Type}` for its request and never becomes SQL."""
    evil = "1'; DROP TABLE x; --"

    assert ask(http, "SELECT {v:String} FORMAT TSVRaw", param_v=evil) == evil
    assert ask(http, "SELECT {a:Array(UInt8)}, {d:Date}, {t:Identifier} FROM (SELECT 5 AS five)",
               param_a="[1,2]", param_d="2024-02-29", param_t="five") == "[1,2]\t2024-02-29\t5"  # fmt: skip
    assert ask(http, "SELECT {v:String}") == "456"


def test_inserts_take_parameters(http: httpx.Client) -> None:
    """A table's name may be a parameter of an INSERT with data."""
    ask(http, "CREATE OR REPLACE TABLE parameterised (n UInt8) ENGINE = Memory")

    http.post(
        "/", params={"query": "INSERT INTO {t:Identifier} FORMAT CSV", "param_t": "parameterised"}, content=b"4\n"
    )

    assert ask(http, "SELECT n FROM parameterised") == "4"


def test_a_named_session_keeps_what_is_set_in_it(http: httpx.Client) -> None:
    """SET, USE and temporary tables hold for the session's next requests and for no other session."""
    for statement in ("SET max_threads = 5", "USE system", "CREATE TEMPORARY TABLE passing (n UInt8)"):
        assert ask(http, statement, session_id="a") == ""
    assert http.post(
        "/", params={"query": "INSERT INTO passing FORMAT CSV", "session_id": "a"}, content=b"9\n"
    ).is_success

    query = "SELECT getSetting('max_threads'), currentDatabase()"
    assert ask(http, query, session_id="a") == "5\tsystem"
    assert ask(http, "SELECT n FROM passing", session_id="a") == "9"
    assert ask(http, query, session_id="b") != "5\tsystem"
    assert ask(http, "SELECT n FROM passing", session_id="b") == "60"
    assert ask(http, query) != "5\tsystem"


def test_a_request_does_not_change_its_session(http: httpx.Client) -> None:
    """Settings and database of one request are not there any more for the session's next one, nor is read-only."""
    query = "SELECT getSetting('max_threads'), getSetting('log_comment'), currentDatabase()"
    ask(http, "SET max_threads = 5, log_comment = 'it''s'", session_id="c")

    assert ask(http, query, session_id="c", max_threads="2", log_comment="x", database="system") == "2\tx\tsystem"
    assert ask(http, query, session_id="c", readonly="1", max_threads="3") == "3\tit\\'s\tdefault"
    assert http.get("/", params={"query": query, "session_id": "c"}).text.strip() == "5\tit\\'s\tdefault"
    assert ask(http, query, session_id="c") == "5\tit\\'s\tdefault"
    assert ask(http, "SET max_threads = 6", session_id="c") == ""


def test_use_in_a_session_outlives_the_database_of_its_request(http: httpx.Client) -> None:
    """A client that sends its database with every request can still change the session's."""
    ask(http, "USE system", session_id="d", database="default")

    assert ask(http, "SELECT currentDatabase()", session_id="d") == "system"


def test_a_session_serves_one_request_at_a_time(http: httpx.Client, local_clickhouse: ClickHouseServer) -> None:
    """A second request in a session that is busy is refused, as in ClickHouse."""
    auth = (local_clickhouse.user, local_clickhouse.password)
    address = f"http://127.0.0.1:{local_clickhouse.port}/"
    endless = {"query": "SELECT number FROM numbers(100000000000)", "session_id": "e"}

    with httpx.stream("POST", address, params=endless, auth=auth, timeout=60, trust_env=False) as response:
        pieces = response.iter_raw()
        next(pieces)
        assert ask(http, "SELECT 1", session_id="e") == "373"
        assert ask(http, "SELECT 1", session_id="f") == "1"


def test_a_session_may_be_required_and_closed(http: httpx.Client) -> None:
    """`session_check` refuses an unknown session; `close_session` forgets a known one; time forgets it too."""
    assert ask(http, "SELECT 1", session_id="g", session_check="1") == "372"
    ask(http, "SET max_threads = 5", session_id="g")
    assert ask(http, "SELECT 1", session_id="g", session_check="1", close_session="1") == "1"
    assert ask(http, "SELECT 1", session_id="g", session_check="1") == "372"
    ask(http, "SET max_threads = 5", session_id="h", session_timeout="0")
    assert ask(http, "SELECT 1", session_id="h", session_check="1") == "372"
    assert ask(http, "SELECT 1", session_id="i", session_timeout="99999") == "374"


def work(server: ClickHouseServer, number: int) -> list[tuple[object, ...]]:
    """Insert, query, alter settings and fail, each client in a database of its own."""
    name = f"client_{number}"
    client = clickhouse_connect.get_client(dsn=server.url)
    client.command(f"CREATE DATABASE {name}")
    client.close()
    client = clickhouse_connect.get_client(dsn=server.url, database=name, settings={"max_threads": number + 1})
    client.command("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    for turn in range(ROUNDS):
        client.insert("t", [(turn, f"{name}\n\n{n}") for n in range(100)], column_names=["n", "s"])
        (found,) = client.query("SELECT currentDatabase(), getSetting('max_threads') FROM t LIMIT 1").result_rows
        assert found == (name, number + 1)
        with pytest.raises(clickhouse_connect.driver.exceptions.DatabaseError):
            client.command("SELECT * FROM missing")
    rows = client.query(
        "SELECT count(), uniqExact(s), countIf(NOT startsWith(s, currentDatabase())) FROM t"
    ).result_rows
    client.command(f"DROP DATABASE {name}")
    client.close()
    return [tuple(row) for row in rows]


def test_eight_clients_at_the_same_time(local_clickhouse: ClickHouseServer) -> None:
    """Clients that insert, read, set and fail side by side see their own database, settings and rows, all of them."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        results = list(threads.map(lambda number: work(local_clickhouse, number), range(CLIENTS)))

    assert results == [[(100 * ROUNDS, 100, 0)]] * CLIENTS


async def test_the_asynchronous_client_works(local_clickhouse: ClickHouseServer) -> None:
    """clickhouse-connect's asynchronous client runs many queries at a time."""
    client = await clickhouse_connect.get_async_client(dsn=local_clickhouse.url, autogenerate_session_id=False)
    try:
        results = await asyncio.gather(*(client.query("SELECT {n:UInt8}", parameters={"n": n}) for n in range(20)))
    finally:
        await client.close()

    assert [result.result_rows for result in results] == [[(n,)] for n in range(20)]
