"""ClickHouse's own compressed blocks at the local server: `compress=1` and `decompress=1`, as JDBC and Go ask for."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import cramjam
import httpx
import pytest

from deploy.local.clickhouse.compressed_blocks import pack
from tests.support.plain_http import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.clickhouse import ClickHouseServer

pytestmark = pytest.mark.system

ROWS: Final = b"".join(b'{"n":%d}\n' % number for number in range(200_000))
TOTALS: Final = f"200000\t{sum(range(200_000))}\n"


@pytest.fixture
def http(local_clickhouse: ClickHouseServer) -> Iterator[httpx.Client]:
    """A plain HTTP client with the right user and an empty table `packed`."""
    headers = {"X-ClickHouse-User": local_clickhouse.user, "X-ClickHouse-Key": local_clickhouse.password}
    address = f"http://127.0.0.1:{local_clickhouse.port}"
    with httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False, verify=PLAIN) as client:
        client.post("/", content=b"CREATE OR REPLACE TABLE packed (n UInt64) ENGINE = MergeTree ORDER BY n")
        yield client


def plain(body: bytes) -> bytes:
    """The body that a driver sees; read here by itself, by what the blocks' headers say."""
    found = b""
    while body:
        codec, told, size = struct.unpack_from("<BII", body, 16)
        assert codec == 0x82
        found += bytes(cramjam.lz4.decompress_block(body[25 : 16 + told], output_len=size))
        body = body[16 + told :]
    return found


@pytest.mark.parametrize("rows", [0, 3, 300_000])
@pytest.mark.parametrize("format_name", ["TSV", "JSONCompactEachRow", "RowBinaryWithNamesAndTypes"])
def test_an_answer_in_blocks_is_the_plain_one(http: httpx.Client, rows: int, format_name: str) -> None:
    """Short and long, in pieces and at once."""
    question = {"query": f"SELECT number, 'text' FROM numbers({rows}) ORDER BY number FORMAT {format_name}"}

    packed = http.post("/", params=question | {"compress": "1"})

    assert packed.status_code == 200
    assert plain(packed.content) == http.post("/", params=question).content


def test_an_answer_in_blocks_may_be_compressed_once_more(http: httpx.Client) -> None:
    """HTTP's own compression is around the blocks."""
    asked = {"query": "SELECT 'text'", "compress": "1", "enable_http_compression": "1"}

    answer = http.post("/", params=asked, headers={"Accept-Encoding": "gzip"})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert plain(answer.content) == b"text\n"


@pytest.mark.parametrize("statement", ["SELECT nothing FROM nowhere", "SELEC", "SELECT * FROM file('/etc/passwd')"])
def test_an_error_is_in_blocks_where_the_answer_would_be(http: httpx.Client, statement: str) -> None:
    """With the status and the code of the plain one."""
    packed = http.post("/", params={"query": statement, "compress": "1"})
    usual = http.post("/", params={"query": statement})

    assert (packed.status_code, packed.headers["X-ClickHouse-Exception-Code"]) == (
        usual.status_code, usual.headers["X-ClickHouse-Exception-Code"]
    )  # fmt: skip
    assert plain(packed.content) == usual.content


def test_an_error_in_the_midst_is_in_a_block_of_its_own(http: httpx.Client) -> None:
    """What has gone out is told to be half, at the end of what the blocks hold."""
    query = "SELECT throwIf(number = 3000000) FROM numbers(4000000) SETTINGS max_block_size = 65536"

    answer = http.post("/", params={"query": query, "compress": "1"})

    tag = answer.headers["X-ClickHouse-Exception-Tag"]
    assert plain(answer.content).endswith(f" {tag}\r\n__exception__\r\n".encode())


def test_a_stranger_is_refused_in_plain_words(http: httpx.Client) -> None:
    """Before the password is checked nothing of what is asked for counts."""
    answer = http.post("/", params={"query": "SELECT 1", "compress": "1"}, headers={"X-ClickHouse-Key": "wrong"})

    assert answer.status_code == 403
    assert "Authentication failed" in answer.text


@pytest.mark.parametrize("statement_in_body", [True, False])
def test_rows_sent_in_blocks_arrive(http: httpx.Client, *, statement_in_body: bool) -> None:
    """With the statement in the address, or as the beginning of the body."""
    statement = "INSERT INTO packed FORMAT JSONEachRow"
    asked = {"decompress": "1"} | ({} if statement_in_body else {"query": statement})
    body = f"{statement}\n".encode() + ROWS if statement_in_body else ROWS

    response = http.post("/", params=asked, content=pack(body))

    assert (response.status_code, totals(http)) == (200, TOTALS)


def test_a_damaged_block_inserts_nothing(http: httpx.Client) -> None:
    """Not even the rows of the blocks before it."""
    body = bytearray(pack(ROWS))
    body[-5] ^= 1

    asked = {"decompress": "1", "query": "INSERT INTO packed FORMAT JSONEachRow"}
    response = http.post("/", params=asked, content=bytes(body))

    assert response.headers["X-ClickHouse-Exception-Code"] == "40"
    assert totals(http) == "0\t0\n"


def totals(http: httpx.Client) -> str:
    """Number and sum of the rows in the table."""
    return http.post("/", content=b"SELECT count(), sum(n) FROM packed").text
