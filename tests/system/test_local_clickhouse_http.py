"""The local server's HTTP interface, as ClickHouse's documentation and drivers have it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.plain_http import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.clickhouse import ClickHouseServer

pytestmark = pytest.mark.system


@pytest.fixture
def http(local_clickhouse: ClickHouseServer) -> Iterator[httpx.Client]:
    """A plain HTTP client with the right user."""
    headers = {"X-ClickHouse-User": local_clickhouse.user, "X-ClickHouse-Key": local_clickhouse.password}
    address = f"http://127.0.0.1:{local_clickhouse.port}"
    with httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False, verify=PLAIN) as client:
        yield client


@pytest.fixture
def stranger(local_clickhouse: ClickHouseServer) -> Iterator[httpx.Client]:
    """A plain HTTP client that says nothing of a user."""
    address = f"http://127.0.0.1:{local_clickhouse.port}"
    with httpx.Client(base_url=address, timeout=60, trust_env=False, verify=PLAIN) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
def test_health_checks_need_no_user(stranger: httpx.Client, path: str) -> None:
    """`/ping` and its likes answer `Ok.` to anyone."""
    response = stranger.get(path)

    assert (response.status_code, response.text) == (200, "Ok.\n")


def test_another_path_is_not_found(http: httpx.Client) -> None:
    """There is no handler but the interface's own."""
    response = http.get("/dashboard")

    assert response.status_code == 404
    assert "There is no handle /dashboard" in response.text


def test_a_query_may_be_in_the_address_the_body_or_both(http: httpx.Client) -> None:
    """The statement is the parameter, the body, or the parameter followed by the body."""
    in_address = http.get("/", params={"query": "SELECT 1"})
    in_body = http.post("/", content=b"SELECT 1")
    in_both = http.post("/", params={"query": "SELECT"}, content=b"1")

    assert [in_address.text, in_body.text, in_both.text] == ["1\n", "1\n", "1\n"]


def test_headers_tell_of_the_server_and_the_query(http: httpx.Client) -> None:
    """A response carries the headers that drivers and people read."""
    response = http.post("/", params={"query": "SELECT number FROM numbers(3) FORMAT JSON", "query_id": "mine"})

    headers = response.headers
    assert headers["X-ClickHouse-Query-Id"] == "mine"
    assert headers["X-ClickHouse-Server-Display-Name"]
    assert headers["X-ClickHouse-Timezone"]
    assert headers["X-ClickHouse-Format"] == "JSON"
    assert headers["Content-Type"] == "application/json; charset=UTF-8"
    summary = json.loads(headers["X-ClickHouse-Summary"])
    assert (summary["read_rows"], summary["result_rows"]) == ("3", "3")


def test_the_format_is_the_querys_else_the_parameters_else_the_headers(http: httpx.Client) -> None:
    """FORMAT in the statement wins over `default_format`, which wins over X-ClickHouse-Format; the default is TSV."""
    header = {"X-ClickHouse-Format": "CSV"}
    parameter = {"default_format": "JSONEachRow"}

    def texts(query: str) -> list[str]:
        return [
            http.post("/", params={"query": query}).text,
            http.post("/", params={"query": query}, headers=header).text,
            http.post("/", params={"query": query, **parameter}, headers=header).text,
        ]

    assert texts("SELECT 'a' AS x") == ["a\n", '"a"\n', '{"x":"a"}\n']
    assert texts("SELECT 'a' AS x FORMAT Values") == ["('a')"] * 3


def test_every_output_format_of_the_engine_is_served(http: httpx.Client) -> None:
    """Each format that needs no schema file gives what the engine says it gives, with its content type."""
    found = http.post("/", params={"query": "SELECT name, content_type FROM system.formats WHERE is_output FORMAT TSV"})
    formats = dict(line.split("\t") for line in found.text.splitlines())
    with_schema = {"CapnProto", "Protobuf", "ProtobufList", "ProtobufSingle", "Template", "AvroConfluent"}
    of_a_kind = {"PNG", "PostgreSQLWire", "MySQLWire", "ODBCDriver2", "Prometheus", "GeoJSON", "Npy"}
    assert len(formats) > 60

    for name in formats.keys() - with_schema - of_a_kind:
        response = http.post("/", params={"query": "SELECT 1 AS n, 'x' AS s", "default_format": name})
        assert response.status_code == 200, (name, response.text)
        assert response.headers["X-ClickHouse-Format"] == name
        assert response.headers["Content-Type"] == formats[name]


@pytest.mark.parametrize(
    ("name", "piecewise"),
    [
        *((name, True) for name in ("CSV", "JSONCompactEachRow", "JSONEachRow", "JSONStringsEachRow", "TSV")),
        *((name, True) for name in ("Native", "RowBinary")),
        *((name, False) for name in ("CSVWithNames", "JSON", "Parquet", "RowBinaryWithNamesAndTypes", "ArrowStream")),
        *((name, False) for name in ("JSONColumns", "MsgPack", "TSVWithNamesAndTypes", "Values")),
    ],
)
def test_a_long_result_can_be_inserted_again(http: httpx.Client, name: str, *, piecewise: bool) -> None:
    """A result of many blocks is whole, and its bytes make the same rows when they are inserted."""
    query = "SELECT number AS n, concat('row ', toString(number), '\n\n') AS s FROM numbers(200000)"
    http.post("/", content=b"CREATE OR REPLACE TABLE copied (n UInt64, s String) ENGINE = Memory")

    response = http.post("/", params={"query": query, "default_format": name})
    inserted = http.post("/", params={"query": f"INSERT INTO copied FORMAT {name}"}, content=response.content)

    assert ("chunked" in response.headers.get("Transfer-Encoding", "")) == piecewise
    assert inserted.status_code == 200, inserted.text
    facts = "count(), sum(n), uniqExact(s), sum(length(s))"
    copy = http.post("/", params={"query": f"SELECT {facts} FROM copied"})
    assert copy.text == http.post("/", params={"query": f"SELECT {facts} FROM ({query})"}).text


def test_an_empty_result_is_empty(http: httpx.Client) -> None:
    """No rows make an empty body in TSV and an object with an empty list in JSON."""
    rows = http.post("/", params={"query": "SELECT 1 AS n WHERE 0"})
    document = http.post("/", params={"query": "SELECT 1 AS n WHERE 0 FORMAT JSON"})

    assert (rows.status_code, rows.content) == (200, b"")
    assert document.json()["data"] == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELECT * FROM nowhere", 404, 60),
        ("SELECT * FROM nowhere.at_all", 404, 81),
        ("SELECT nothing", 404, 47),
        ("SELECT no_function(1)", 404, 46),
        ("SELECT 1 FORMAT NoFormat", 404, 73),
        ("SELECT 1 FROM", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("", 400, 62),
        ("SELECT toUInt8('x')", 400, 6),
        ("SELECT 1 INTO OUTFILE '/tmp/never'", 500, 358),
        ("SELECT throwIf(1)", 500, 395),
        ("CREATE USER someone", 403, 497),
        ("SELECT sum(sipHash64(number)) FROM numbers(100000000000) SETTINGS max_execution_time = 0.3", 408, 159),
        ("SELECT 1 SETTINGS no_setting = 1", 404, 115),
        ("INSERT INTO nowhere FORMAT CSV 1", 404, 60),
    ],
)
def test_errors_have_clickhouses_status_and_code(http: httpx.Client, query: str, status: int, code: int) -> None:
    """A failed statement is answered with the HTTP status, the header and the text that ClickHouse uses."""
    response = http.post("/", params={"query": query})

    assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert response.text.startswith(f"Code: {code}. DB::Exception: ")


def test_an_error_after_the_first_rows_is_in_the_body(http: httpx.Client) -> None:
    """A failure in the middle of a long result is marked at its end, since the status has gone out."""
    query = "SELECT throwIf(number = 5000000) FROM numbers(10000000)"

    response = http.post("/", params={"query": query})

    tag = response.headers["X-ClickHouse-Exception-Tag"]
    tail = response.text[-1000:]
    assert response.status_code == 200
    assert f"\r\n__exception__\r\n{tag}\r\nCode: 395. DB::Exception: " in tail
    assert tail.endswith(f" {tag}\r\n__exception__\r\n")


def test_a_get_does_not_write(http: httpx.Client) -> None:
    """GET is read-only, as in ClickHouse."""
    response = http.get("/", params={"query": "CREATE TABLE never (n Int8) ENGINE = Memory"})

    assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    assert http.post("/", params={"query": "EXISTS TABLE never"}).text == "0\n"


def test_the_user_may_be_told_in_three_ways(stranger: httpx.Client, local_clickhouse: ClickHouseServer) -> None:
    """Headers of ClickHouse, basic authentication and parameters are taken, and only one of them at a time."""
    user, password = local_clickhouse.user, local_clickhouse.password
    query = {"query": "SELECT 1"}
    named = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}

    by_header = stranger.get("/", params=query, headers=named)
    by_basic = stranger.get("/", params=query, auth=(user, password))
    by_parameter = stranger.get("/", params={**query, "user": user, "password": password})
    by_two = stranger.get("/", params=query, headers=named, auth=(user, password))

    assert [by_header.text, by_basic.text, by_parameter.text] == ["1\n"] * 3
    assert (by_two.status_code, by_two.headers["X-ClickHouse-Exception-Code"]) == (403, "516")


@pytest.mark.parametrize("auth", [None, ("telemetry", "wrong"), ("someone", "p@ss/word"), ("telemetry", "")])
def test_a_wrong_user_is_refused(stranger: httpx.Client, auth: tuple[str, str] | None) -> None:
    """Without the right user and password there is no answer, and the text does not tell which was wrong."""
    response = stranger.get("/", params={"query": "SELECT 1"}, auth=auth)

    assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
    assert "password is incorrect, or there is no user with such name" in response.text


def test_the_server_listens_on_the_loopback_address_only(local_clickhouse: ClickHouseServer) -> None:
    """No socket of the server is bound to another address."""
    with open("/proc/net/tcp", encoding="ascii") as table:  # noqa: PTH123 - no file of the project
        rows = [line.split()[1:4] for line in table.readlines()[1:]]
    listening = {local for local, _, state in rows if state == "0A" and int(local[-4:], 16) == local_clickhouse.port}

    assert listening == {f"0100007F:{local_clickhouse.port:04X}"}


def test_commands_that_the_project_needs_work(http: httpx.Client) -> None:
    """Databases, views with FINAL, exchanges, alterations and mutations do what they do on a server."""
    statements = [
        "CREATE DATABASE work",
        "CREATE TABLE work.a (id UInt8, v UInt8, gone UInt8) ENGINE = ReplacingMergeTree(v, gone) ORDER BY id",
        "CREATE TABLE work.b AS work.a",
        "INSERT INTO work.a VALUES (1, 1, 0), (2, 1, 0)",
        "INSERT INTO work.a VALUES (1, 2, 0), (2, 2, 1)",
        "CREATE VIEW work.seen AS SELECT id, v FROM work.a FINAL",
        "ALTER TABLE work.a ADD COLUMN note String DEFAULT 'none'",
        "ALTER TABLE work.b ADD COLUMN note String DEFAULT 'none'",
        "ALTER TABLE work.a UPDATE note = 'first' WHERE id = 1 SETTINGS mutations_sync = 2",
        "EXCHANGE TABLES work.a AND work.b",
    ]
    for statement in statements:
        response = http.post("/", content=statement.encode())
        assert response.status_code == 200, (statement, response.text)

    assert http.post("/", content=b"SELECT * FROM work.seen").text == ""
    assert http.post("/", content=b"SELECT id, v, note FROM work.b FINAL").text == "1\t2\tfirst\n"
    assert http.post("/", content=b"SELECT name FROM system.tables WHERE database = 'work' ORDER BY 1").text == (
        "a\nb\nseen\n"
    )
    assert http.post("/", content=b"SELECT version()").text[0].isdigit()
    assert http.post("/", content=b"DROP DATABASE work SYNC").status_code == 200
