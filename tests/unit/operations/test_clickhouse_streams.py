"""Answers of ClickHouse that are not whole."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
import urllib3

from broker.clickhouse_errors import Failure, failure_of
from operations.clickhouse_streams import PARQUET, EndedError, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

TAG: Final = "abcdefghijklmnop"
ERROR: Final = "Code: 159. DB::Exception: Timeout exceeded: elapsed 60000 ms. (TIMEOUT_EXCEEDED)\n"
BLOCK: Final = f"\r\n__exception__\r\n{TAG}\r\n{ERROR}{len(ERROR)} {TAG}\r\n__exception__\r\n".encode()


@contextlib.contextmanager
def answering(*chunks: bytes, ends: bool = True, tag: str = TAG) -> Iterator[Client]:
    """A driver whose answer has these chunks, and breaks off unless it `ends`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("X-ClickHouse-Exception-Tag", tag)
            self.end_headers()
            for chunk in chunks:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            if ends:
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Driver:
        """As far as it is asked."""

        def raw_stream(self, *_: Any, fmt: str) -> urllib3.BaseHTTPResponse:
            return urllib3.request("GET", f"http://127.0.0.1:{server.server_port}/{fmt}", preload_content=False)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield cast("Client", Driver())
        finally:
            server.shutdown()
            thread.join()


def read(client: Client, end: bytes = b"") -> bytes:
    """All of an answer."""
    return b"".join(pieces(client, "SELECT 1", {}, {}, "CSV", end=end))


def test_a_whole_answer_is_what_it_is() -> None:
    """Also where a row speaks of errors."""
    for rows in ((b"1\n", b"2\n"), (b"1\n", b"__exception__\r\nother\r\n__exception__\r\n")):
        with answering(*rows) as client:
            assert read(client) == b"".join(rows)
    with answering(b"PAR1", b"PAR1") as client:
        assert read(client, PARQUET) == b"PAR1PAR1"


def test_an_error_at_the_end_is_no_row() -> None:
    """The server's text and code are told, however the block is cut on its way."""
    for cut in (1, 20, len(BLOCK) - 1):
        with answering(b"1\n", BLOCK[:cut], BLOCK[cut:]) as client, pytest.raises(EndedError) as raised:
            read(client)
        assert str(raised.value) == ERROR.strip()
        assert raised.value.code == 159
        assert failure_of(raised.value) is Failure.WAIT


@pytest.mark.parametrize(("chunks", "ends"), [((b"PAR1",), ""), ((b"PAR1", b"rows"), "well"), ((), "well")])
def test_what_lacks_its_end_is_not_whole(chunks: tuple[bytes, ...], ends: str) -> None:
    """Whether the connection broke off or the file did."""
    with answering(*chunks, ends=bool(ends)) as client, pytest.raises(EndedError):
        read(client, PARQUET)
