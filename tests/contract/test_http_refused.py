"""What is no webhook, or is too large, is refused (docs/api.md, "Send telemetry")."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.support.ingest import BOTH, LIMIT, ME, refused

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system


@pytest.mark.parametrize("path", BOTH)
def test_nothing_in_body_and_parameters_is_refused(system: HttpSystem, path: str) -> None:
    """400 with the LMS's text, as text."""
    with system.client() as client:
        for content in (b"", b" \n "):
            answer = client.post(path, content=content, params={"token": "x", "academy": "1"})

            assert (answer.status_code, answer.text) == (400, "this request couldn't no be processed")
            assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        (b"{", None, (400, "invalid-json")),
        (b'{"a": 1}}', None, (400, "invalid-json")),
        (b"\xff\xfe{}", None, (400, "invalid-json")),
        (b"[]", None, (400, "invalid-body")),
        (b"null", None, (400, "invalid-body")),
        (b'"text"', None, (400, "invalid-body")),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", None, (400, "json-too-deep")),
        (b"[" * 1_000_000, None, (400, "invalid-json")),
        (b'{"a":' * 1_000_00, None, (400, "invalid-json")),
        (b"{}", "gzip", (400, "invalid-gzip")),
        (gzip.compress(b'{"a": 1}')[:-4], "gzip", (400, "invalid-gzip")),
        (gzip.compress(b'{"a": 1}') + b"x", "gzip", (400, "invalid-gzip")),
        (zlib.compress(b"{}"), "deflate", (415, "unsupported-content-encoding")),
        (b"{}", "br", (415, "unsupported-content-encoding")),
        (gzip.compress(gzip.compress(b"{}")), "gzip, gzip", (415, "unsupported-content-encoding")),
        (gzip.compress(gzip.compress(b"{}")), "gzip", (400, "invalid-json")),
        (b" " * LIMIT + b"x", None, (413, "body-too-large")),
        (gzip.compress(b" " * (LIMIT + 1)), "gzip", (413, "body-too-large")),
        (gzip.compress(b"\0" * (100 << 20)), "gzip", (413, "body-too-large")),
    ],
)
@pytest.mark.parametrize("path", BOTH)
def test_what_is_no_webhook_is_refused(
    system: HttpSystem, path: str, content: bytes, encoding: str | None, expected: tuple[int, str]
) -> None:
    """Bad JSON, wrong shapes, bombs and unknown encodings get a reason, and the next request is served."""
    with system.client() as client:
        answer = client.post(path, content=content, headers={"Content-Encoding": encoding} if encoding else {})

        assert refused(answer) == expected
        assert client.post(path, content=b'{"slug": "s"}').text == "ok"


def test_what_is_just_within_the_limits_is_accepted(system: HttpSystem) -> None:
    """64 levels, a body of exactly the limit (plain, gzip, chunked), many keys and long numbers pass."""
    deep = b'{"a":' + b"[" * 63 + b"]" * 63 + b"}"
    large = b'{"slug":"s","x":"' + b"y" * (LIMIT - 19) + b'"}'
    wide = json.dumps({f"k{number}": number for number in range(100_000)}).encode()
    long = b'{"slug": "s", "user_id": ' + b"9" * 300 + b"}"
    with system.client() as client:
        for content in (deep, large, wide, long):
            assert client.post(ME, content=content).text == "ok"
        assert len(large) == LIMIT
        assert client.post(ME, content=gzip.compress(large), headers={"Content-Encoding": "gzip"}).text == "ok"
        assert client.post(ME, content=iter([large[:1000], large[1000:]])).text == "ok"


def test_the_limit_is_named(system: HttpSystem) -> None:
    """413 says how large a body may be, for chunked bodies as well."""
    with system.client() as client:
        for content in (b"x" * (LIMIT + 1), iter([b"x" * LIMIT, b"x"])):
            answer = client.post(ME, content=content)

            assert refused(answer) == (413, "body-too-large")
            assert str(LIMIT) in answer.json()["detail"]


def test_a_too_long_query_is_refused(system: HttpSystem) -> None:
    """Query parameters travel as a header, so they are bounded."""
    with system.client() as client:
        assert refused(client.post(ME, params={"a": "x" * 9000}, json={})) == (414, "query-too-long")


@pytest.mark.parametrize("value", [b"\xff", b"a\x01b", b"x" * 256])
def test_a_strange_idempotency_key_is_refused(system: HttpSystem, value: bytes) -> None:
    """What goes into a Kafka header is printable and short."""
    with system.client() as client:
        answer = client.post(ME, json={"slug": "s"}, headers=[(b"Idempotency-Key", value)])

    assert answer.status_code == 400
