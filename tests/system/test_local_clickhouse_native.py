"""Native results for drivers that name their protocol version, as Grafana's data source does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.plain_http import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.clickhouse import ClickHouseServer

pytestmark = pytest.mark.system

INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
VERSION = "54460"

COLUMNS = {
    "n": "number",
    "s": "repeat(toString(number), number)",
    "nullable": "if(number % 2 = 0, NULL, toString(number))",
    "array": "range(number % 4)",
    "nested_array": "arrayMap(i -> arrayMap(j -> toString(j), range(i)), range(number % 4))",
    "low": "toLowCardinality(toString(number % 3))",
    "low_nullable": "CAST(if(number % 2 = 0, NULL, 'x'), 'LowCardinality(Nullable(String))')",
    "array_of_low": "[toLowCardinality('a'), toLowCardinality(toString(number))]",
    "empty_array_of_low": "arrayFilter(x -> 0, [toLowCardinality('a')])",
    "map": "map('a', number, 'b', 2)",
    "map_of_low": "map(toLowCardinality('k'), [toLowCardinality('v')])",
    "tuple": "CAST((number, 'x', [1]), 'Tuple(a UInt64, `b c` String, d Array(UInt8))')",
    "tuple_of_low": "(toLowCardinality('a'), toLowCardinality('b'), number)",
    "moment": "toDateTime64('2024-02-29 12:00:00.123', 3, 'UTC')",
    "second": "toDateTime('2024-02-29 12:00:00', 'Europe/Madrid')",
    "day": "toDate32('1950-01-01')",
    "enum": "CAST('a, (', 'Enum8(\\'a, (\\' = 1, \\'b\\' = 2)')",
    "decimal": "toDecimal128(number, 5)",
    "uuid": "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
    "ip": "toIPv6('::1')",
    "fixed": "toFixedString('ab', 5)",
    "wide": "toUInt128(number)",
    "bool": "number % 2 = 1",
    "nothing": "NULL",
    "interval": "INTERVAL 1 DAY",
    "point": "CAST((1.5, 2.5), 'Point')",
    "polygon": "CAST([[(0, 0), (1, 1), (2, 0)]], 'Polygon')",
    "document": "CAST('{\"a\": {\"b\": [1, 2]}}', 'JSON')",
}


@pytest.fixture
def http(local_clickhouse: ClickHouseServer) -> Iterator[httpx.Client]:
    """A plain HTTP client with the right user."""
    auth = (local_clickhouse.user, local_clickhouse.password)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{local_clickhouse.port}", auth=auth, timeout=60, trust_env=False, verify=PLAIN
    ) as client:
        yield client


def native(http: httpx.Client, query: str, version: str = "") -> bytes:
    """A result in Native, JSON as text."""
    parameters = {"query": query, "default_format": "Native", "output_format_native_write_json_as_string": "1"}
    response = http.post("/", params=parameters | ({"client_protocol_version": version} if version else {}))
    assert response.status_code == 200, response.text
    return response.content


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_any_type_gets_its_flag(http: httpx.Client, name: str) -> None:
    """Between two other columns, a column's bytes are untouched and each has its flag before its data."""
    query = f"SELECT toUInt8(7) AS a, {COLUMNS[name]} AS c, toUInt8(9) AS z FROM numbers(5) ORDER BY number"
    plain = native(http, query)
    head, first, last = b"\x03\x05", b"\x01a\x05UInt8", b"\x01z\x05UInt8"
    assert plain.startswith(head + first + b"\x07" * 5)
    assert plain.endswith(last + b"\x09" * 5)
    middle = plain[len(head + first) + 5 : -len(last) - 5]
    # No type here has a name of 128 bytes or more, so its length is one byte.
    title = middle[: 3 + middle[2]]
    assert title.startswith(b"\x01c")

    framed = native(http, query, VERSION)

    data = middle[len(title) :]
    expected = head + first + b"\x00" + b"\x07" * 5 + title + b"\x00" + data + last + b"\x00" + b"\x09" * 5
    assert framed == INFO + expected


def test_every_block_of_a_long_result_has_its_info(http: httpx.Client) -> None:
    """Blocks follow each other, each with its info."""
    framed = native(http, "SELECT number FROM numbers(10) SETTINGS max_block_size = 3", VERSION)

    assert framed.count(INFO) == 4


def test_older_drivers_get_plain_blocks(http: httpx.Client) -> None:
    """A version from before the flags gets what a client without a version gets."""
    assert native(http, "SELECT 1", "54405") == native(http, "SELECT 1")


def test_other_formats_do_not_change(http: httpx.Client) -> None:
    """The version concerns Native alone."""
    response = http.post(
        "/", params={"query": "SELECT 1 FORMAT JSONCompactEachRow", "client_protocol_version": VERSION}
    )

    assert response.text == "[1]\n"


def test_a_type_that_cannot_be_sent_is_named(http: httpx.Client) -> None:
    """Aggregate states are refused with the way out."""
    parameters = {"query": "SELECT sumState(1)", "default_format": "Native", "client_protocol_version": VERSION}
    response = http.post("/", params=parameters)

    assert response.status_code == 501
    assert "choose another FORMAT" in response.text
