"""Bodies of the local ClickHouse server: compressed, chunked, as forms, large, and broken ones."""

from __future__ import annotations

import subprocess
import zlib
from typing import TYPE_CHECKING

import clickhouse_connect
import cramjam
import httpx
import pytest

from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.local.clickhouse import ClickHouseServer

pytestmark = pytest.mark.system

CODECS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "lz4": (lambda data: bytes(cramjam.lz4.compress(data)), lambda data: bytes(cramjam.lz4.decompress(data))),
    "zstd": (lambda data: bytes(cramjam.zstd.compress(data)), lambda data: bytes(cramjam.zstd.decompress(data))),
    "gzip": (lambda data: bytes(cramjam.gzip.compress(data)), lambda data: bytes(cramjam.gzip.decompress(data))),
    "deflate": (zlib.compress, zlib.decompress),
    "br": (lambda data: bytes(cramjam.brotli.compress(data)), lambda data: bytes(cramjam.brotli.decompress(data))),
    "snappy": (lambda data: bytes(cramjam.snappy.compress(data)), lambda data: bytes(cramjam.snappy.decompress(data))),
    "xz": (lambda data: bytes(cramjam.xz.compress(data)), lambda data: bytes(cramjam.xz.decompress(data))),
    "bz2": (lambda data: bytes(cramjam.bzip2.compress(data)), lambda data: bytes(cramjam.bzip2.decompress(data))),
}
ROWS = b"".join(b'{"n":%d,"s":"some text \\n\\n %d"}\n' % (n, n) for n in range(20_000))
TOTALS = f"20000\t{sum(range(20_000))}\n"


@pytest.fixture
def http(local_clickhouse: ClickHouseServer) -> Iterator[httpx.Client]:
    """A plain HTTP client with the right user and an empty table `rows`."""
    headers = {"X-ClickHouse-User": local_clickhouse.user, "X-ClickHouse-Key": local_clickhouse.password}
    address = f"http://127.0.0.1:{local_clickhouse.port}"
    with httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False, verify=PLAIN) as client:
        client.post("/", content=b"CREATE OR REPLACE TABLE rows (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
        yield client


def totals(http: httpx.Client) -> str:
    """Number and sum of the rows in the table."""
    return http.post("/", content=b"SELECT count(), sum(n) FROM rows").text


def insert(http: httpx.Client, body: bytes | Iterator[bytes], encoding: str = "") -> httpx.Response:
    """Insert JSON rows with a Content-Encoding."""
    headers = {"Content-Encoding": encoding} if encoding else {}
    return http.post("/", params={"query": "INSERT INTO rows FORMAT JSONEachRow"}, content=body, headers=headers)


@pytest.mark.parametrize("encoding", CODECS)
def test_a_compressed_insert_is_unpacked(http: httpx.Client, encoding: str) -> None:
    """Rows sent with any codec arrive."""
    compress, _ = CODECS[encoding]

    response = insert(http, compress(ROWS), encoding)

    assert (response.status_code, totals(http)) == (200, TOTALS)


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "xz", "bz2", "snappy"])
def test_streams_one_after_the_other_all_count(http: httpx.Client, encoding: str) -> None:
    """A body of two compressed streams is read to its end."""
    compress, _ = CODECS[encoding]
    middle = ROWS.index(b"\n", len(ROWS) // 2) + 1

    response = insert(http, compress(ROWS[:middle]) + compress(ROWS[middle:]), encoding)

    assert (response.status_code, totals(http)) == (200, TOTALS)


@pytest.mark.parametrize("encoding", CODECS)
def test_a_body_that_is_cut_off_inserts_nothing(http: httpx.Client, encoding: str) -> None:
    """The missing end of a compressed body is an error, and no row is kept."""
    compress, _ = CODECS[encoding]

    response = insert(http, compress(ROWS)[:-7], encoding)

    assert response.headers["X-ClickHouse-Exception-Code"] == "271"
    assert totals(http) == "0\t0\n"


@pytest.mark.parametrize("encoding", ["deflate", "br", "lz4", "zstd", "gzip"])
def test_bytes_after_the_end_are_not_dropped_in_silence(http: httpx.Client, encoding: str) -> None:
    """A compressed body with something behind its end is an error, and no row is kept."""
    compress, _ = CODECS[encoding]

    response = insert(http, compress(ROWS) + b"{}", encoding)

    assert response.headers["X-ClickHouse-Exception-Code"] == "271"
    assert totals(http) == "0\t0\n"


def test_an_unknown_encoding_is_refused(http: httpx.Client) -> None:
    """A codec that the server does not have is named in the error."""
    response = insert(http, ROWS, "compress")

    assert response.headers["X-ClickHouse-Exception-Code"] == "89"
    assert "'compress'" in response.text
    assert totals(http) == "0\t0\n"


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("rows", [3, 300_000])
def test_results_are_compressed_on_request(local_clickhouse: ClickHouseServer, encoding: str, rows: int) -> None:
    """With enable_http_compression a short and a long result come packed and are whole."""
    _, decompress = CODECS[encoding]
    parameters = {"query": f"SELECT number FROM numbers({rows})", "enable_http_compression": "1"}
    auth = (local_clickhouse.user, local_clickhouse.password)

    with httpx.stream(
        "POST",
        f"http://127.0.0.1:{local_clickhouse.port}/",
        params=parameters,
        auth=auth,
        headers={"Accept-Encoding": encoding},
        timeout=60,
        trust_env=False,
    ) as response:
        body = b"".join(response.iter_raw())

    assert response.headers["Content-Encoding"] == encoding
    assert decompress(body) == b"".join(b"%d\n" % n for n in range(rows))


def test_results_are_plain_without_the_setting(http: httpx.Client) -> None:
    """Accept-Encoding alone compresses nothing, as in ClickHouse."""
    response = http.post("/", params={"query": "SELECT 1"}, headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("codec", ["", "lz4", "zstd", "gzip"])
def test_clickhouse_connect_inserts_and_reads(local_clickhouse: ClickHouseServer, codec: str) -> None:
    """The usual client writes and reads the same rows with each of its codecs and without one."""
    client = clickhouse_connect.get_client(dsn=local_clickhouse.url, compress=codec or False)
    client.command("CREATE OR REPLACE TABLE mine (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    rows = [(n, f"text\n\n{n}") for n in range(5000)]

    client.insert("mine", rows, column_names=["n", "s"])
    raw = CODECS[codec][0](ROWS) if codec else ROWS
    client.raw_insert("mine", insert_block=raw, fmt="JSONEachRow", compression=codec or None)

    assert client.query("SELECT n, s FROM mine WHERE s LIKE 'text%' ORDER BY n").result_rows == rows
    assert client.query("SELECT count() FROM mine").result_rows == [(25_000,)]
    client.close()


def test_a_chunked_body_is_read_to_its_end(http: httpx.Client) -> None:
    """A body of unknown length arrives whole."""
    response = insert(http, iter([ROWS[:100], ROWS[100:100_000], ROWS[100_000:]]))

    assert (response.status_code, totals(http)) == (200, TOTALS)


def test_curl_sends_a_file_that_awaits_a_continue(
    http: httpx.Client, local_clickhouse: ClickHouseServer, tmp_path: Path
) -> None:
    """Curl's way with large files, `Expect: 100-continue`, works."""
    file = tmp_path / "rows.ndjson"
    file.write_bytes(ROWS)
    address = f"{local_clickhouse.url}/?query=INSERT%20INTO%20rows%20FORMAT%20JSONEachRow"

    command = ["curl", "--silent", "--fail-with-body", "-H", "Expect: 100-continue", "--data-binary", f"@{file}"]
    done = subprocess.run([*command, address], capture_output=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, totals(http)) == (0, b"", TOTALS)


def test_a_large_body_is_taken(http: httpx.Client) -> None:
    """A hundred megabytes in one insert are nothing special."""
    line = b'{"n":1,"s":"' + b"x" * 100_000 + b'"}\n'

    response = insert(http, line * 1_000)

    assert (response.status_code, totals(http)) == (200, "1000\t1000\n")


def test_an_insert_that_breaks_off_leaves_nothing(http: httpx.Client) -> None:
    """A client that dies while it sends leaves no rows behind."""

    def dying() -> Iterator[bytes]:
        yield ROWS
        raise ConnectionError

    with pytest.raises(ConnectionError):
        insert(http, dying())

    assert totals(http) == "0\t0\n"


def test_parameters_may_come_as_a_form(http: httpx.Client) -> None:
    """A multipart form carries the statement and its parameters, byte for byte."""
    text = "á 'quoted' \\\\ and \\n escaped, -- no comment"
    form = {"query": (None, "SELECT {text:String}, {n:UInt8} FORMAT JSONCompact"), "param_text": (None, text)}

    response = http.post("/", params={"param_n": "7"}, files=form)

    assert response.json()["data"] == [["á 'quoted' \\ and \n escaped, -- no comment", 7]]


def test_clickhouse_connect_sends_its_parameters_as_a_form(local_clickhouse: ClickHouseServer) -> None:
    """The client's form mode works for scalars, arrays and awkward texts."""
    client = clickhouse_connect.get_client(dsn=local_clickhouse.url, form_encode_query_params=True)
    values = {"text": "tab\t, newline\n, quote ' and \\ é", "numbers": [1, 2, 3], "none": None}
    query = "SELECT {text:String}, {numbers:Array(UInt8)}, {none:Nullable(String)}"

    assert client.query(query, parameters=values).result_rows == [(values["text"], [1, 2, 3], None)]
    client.close()


def test_a_client_that_leaves_ends_its_query(http: httpx.Client, local_clickhouse: ClickHouseServer) -> None:
    """A long result that nobody reads any more does not go on in the engine."""
    auth = (local_clickhouse.user, local_clickhouse.password)
    address = f"http://127.0.0.1:{local_clickhouse.port}/"
    query = {"query": "SELECT number, 'left behind' FROM numbers(100000000000)"}
    with httpx.stream("POST", address, params=query, auth=auth, timeout=60, trust_env=False) as response:
        next(response.iter_raw())

    count = b"SELECT value FROM system.metrics WHERE metric = 'Query'"

    def ended() -> bool:
        # The question itself is one.
        return http.post("/", content=count).text == "1\n"

    eventually(ended, 30, "the end of the query")


def test_a_slow_reader_does_not_fill_the_memory(local_clickhouse: ClickHouseServer) -> None:
    """A long result waits for its reader instead of piling up in the server."""

    def resident() -> int:
        with open(f"/proc/{local_clickhouse.pid}/status", encoding="ascii") as status:  # noqa: PTH123 - not ours
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    auth = (local_clickhouse.user, local_clickhouse.password)
    address = f"http://127.0.0.1:{local_clickhouse.port}/"
    query = {"query": "SELECT number, repeat('x', 1000) FROM numbers(100000000000)"}
    with httpx.stream("POST", address, params=query, auth=auth, timeout=60, trust_env=False) as response:
        pieces = response.iter_raw()
        next(pieces)
        before = resident()
        with httpx.Client(auth=auth, trust_env=False, timeout=60, verify=PLAIN) as other:
            # Each of these takes the engine longer than a block of the result that nobody reads.
            for _ in range(10):
                other.post(address, params={"query": "SELECT sum(sipHash64(number)) FROM numbers(20000000)"})
        grown = resident() - before

    assert grown < 200_000
