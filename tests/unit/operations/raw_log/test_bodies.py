"""Bodies that come as a few of their keys."""

from __future__ import annotations

import orjson
import pytest

from operations.raw_log.bodies import body_of

KEYS = ("user_id", "telemetry_id")


@pytest.mark.parametrize(
    ("body", "raws", "expected"),
    [
        (b"", [], b""),
        (b"[", [], b"["),
        (b"", [b"", b""], b"{}"),
        (b"", [b"7", b""], b'{"user_id":7}'),
        (b"", [b"null", b'"\\u00e9"'], '{"user_id": null, "telemetry_id": "é"}'.encode()),
    ],
)
def test_a_body_is_what_it_was_or_an_object_of_the_keys(body: bytes, raws: list[bytes], expected: bytes) -> None:
    """What came whole, or empty, stays as it is; what came as keys is an object of those that are there."""
    found = body_of(body, raws, KEYS)

    assert found == expected or orjson.loads(found) == orjson.loads(expected)
