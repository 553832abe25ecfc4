"""Request bodies."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import bodies
from gateway.bodies import MAX_DEPTH, decompress, parse_json, parse_object, read_body
from gateway.deadlines import Deadlines
from gateway.errors import ApiError, ClientGoneError


class Sender:
    """Sends a body in parts, as an ASGI server would, and counts how many were asked for."""

    def __init__(self, *parts: bytes, gone: bool = False) -> None:
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": part, "more_body": True} for part in parts
        ]
        if gone:
            self.messages.append({"type": "http.disconnect"})
        else:
            self.messages.append({"type": "http.request", "body": b"", "more_body": False})
        self.asked = 0

    async def __call__(self) -> dict[str, Any]:
        """The next message."""
        self.asked += 1
        return self.messages[self.asked - 1]


@given(st.lists(st.binary(max_size=20), max_size=6))
async def test_a_body_is_joined_from_its_parts(parts: list[bytes]) -> None:
    """However it is cut, it is read whole."""
    assert await read_body(Sender(*parts), limit=1000, declared=None) == b"".join(parts)


async def test_a_declared_body_over_the_limit_is_not_read() -> None:
    """It is refused before the first byte."""
    sender = Sender(b"x")

    with pytest.raises(ApiError, match="body-too-large"):
        await read_body(sender, limit=10, declared=11)

    assert sender.asked == 0


async def test_reading_ends_where_the_limit_is_passed() -> None:
    """No more is held than the limit and one part."""
    sender = Sender(*[b"xxxx"] * 100)

    with pytest.raises(ApiError, match="body-too-large"):
        await read_body(sender, limit=10, declared=None)

    assert sender.asked == 3


async def test_a_caller_that_hangs_up_gets_no_answer() -> None:
    """There is nobody to answer."""
    with pytest.raises(ClientGoneError):
        await read_body(Sender(b"{", gone=True), limit=10, declared=None)


async def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow caller is answered 408, and its task goes on as before."""
    monkeypatch.setattr(bodies, "_deadlines", Deadlines(0.01))

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(ApiError, match="body-timeout"):
        await read_body(never, limit=10, declared=None)

    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancelled_reader_is_cancelled() -> None:
    """What ends the server's task is not taken for a slow caller."""

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(read_body(never, limit=10, declared=None))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


@given(st.binary(max_size=2000), st.integers(0, 2000))
def test_gzip_is_read_up_to_the_limit(body: bytes, limit: int) -> None:
    """Exactly the limit passes, one byte more does not."""
    packed = gzip.compress(body[: len(body) // 2]) + gzip.compress(body[len(body) // 2 :])
    if len(body) <= limit:
        assert decompress(packed, b"gzip", limit) == body
    else:
        with pytest.raises(ApiError, match="body-too-large"):
            decompress(packed, b"gzip", limit)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_of_gzip(body: bytes) -> None:
    """What is no gzip is refused, whatever it is."""
    with contextlib.suppress(ApiError):
        assert len(decompress(body, b"gzip", 1000)) <= 1000


@pytest.mark.parametrize("kind", [dict, list])
def test_nesting_is_bounded(kind: type) -> None:
    """64 levels pass, 65 do not."""

    def nested(depth: int) -> Any:
        value: Any = kind()
        for _ in range(depth - 1):
            value = {"a": value} if kind is dict else [value]
        return value

    assert parse_json(orjson.dumps(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    with pytest.raises(ApiError, match="json-too-deep"):
        parse_json(orjson.dumps(nested(MAX_DEPTH + 1)))


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b"nan", b"\x00", b"'x'"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """The worker's reader would refuse it as well, but nobody would hear of it."""
    with pytest.raises(ApiError, match="invalid-json"):
        parse_json(body)


def test_what_is_mended_is_told() -> None:
    """Each kind of it, once for a body."""
    told: list[str] = []

    assert parse_json(b'\xef\xbb\xbf["\\ud83d", "\\ud83d", NaN]', told.append) == ["\ufffd", "\ufffd", None]
    assert parse_json(b'["\\ud83d\\ude00"]', told.append) == ["\U0001f600"]
    assert told == ["encoding", "surrogate", "value"]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    )
)
def test_only_objects_are_webhooks(value: Any) -> None:
    """Any other JSON is refused with a reason of its own."""
    body = orjson.dumps(value)
    if type(value) is dict:
        assert parse_object(body) == value
    else:
        with pytest.raises(ApiError, match="invalid-body"):
            parse_object(body)
