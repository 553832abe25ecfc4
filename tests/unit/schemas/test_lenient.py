"""JSON as clients really write it."""

from __future__ import annotations

import codecs
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.lenient import as_utf8, loads, mend
from tests.support.strategies import json_values

SMILE = "\\ud83d\\ude00"
MENDED: list[tuple[str, bytes, Any, tuple[str, ...]]] = [
    ("a high half", b'{"a":"x\\ud83d"}', {"a": "x\ufffd"}, ("surrogate",)),
    ("a low half", b'{"a":"\\uDE00x"}', {"a": "\ufffdx"}, ("surrogate",)),
    ("two high halves", b'{"a":"\\ud83d\\ud83d"}', {"a": "\ufffd\ufffd"}, ("surrogate",)),
    ("halves in the wrong order", b'{"a":"\\ude00\\ud83d"}', {"a": "\ufffd\ufffd"}, ("surrogate",)),
    ("a half before a pair", f'{{"a":"\\ud83d{SMILE}"}}'.encode(), {"a": "\ufffd\U0001f600"}, ("surrogate",)),
    ("a half after a pair", f'{{"a":"{SMILE}\\ude00"}}'.encode(), {"a": "\U0001f600\ufffd"}, ("surrogate",)),
    ("a half in a key", b'{"\\ud83d":1}', {"\ufffd": 1}, ("surrogate",)),
    ("a half after a backslash", b'{"a":"\\\\\\ud83d"}', {"a": "\\\ufffd"}, ("surrogate",)),
    ("a half after a text like one", b'{"a":"\\\\ud83d\\ude00"}', {"a": "\\ud83d\ufffd"}, ("surrogate",)),
    ("a half in bytes", b'{"a":"x\xed\xa0\xbd"}', {"a": "x\ufffd\ufffd\ufffd"}, ("encoding",)),
    ("a character cut in its bytes", b'{"a":"x\xf0\x9f\x98"}', {"a": "x\ufffd"}, ("encoding",)),
    ("a byte order mark", codecs.BOM_UTF8 + b'{"a":"\xc3\xa9"}', {"a": "é"}, ("encoding",)),
    ("UTF-16 with a mark", '{"a":"é"}'.encode("utf-16"), {"a": "é"}, ("encoding",)),
    ("UTF-16 without one", '{"a":"é"}'.encode("utf-16-le"), {"a": "é"}, ("encoding",)),
    ("NaN and infinities", b'{"a":[NaN,Infinity,-Infinity]}', {"a": [None, None, None]}, ("value",)),
    ("a line break in a text", b'{"a":"x\ny"}', {"a": "x\ny"}, ("value",)),
    (
        "all of it",
        codecs.BOM_UTF8 + b'{"a":NaN,"b":"\\ud83d"}',
        {"a": None, "b": "\ufffd"},
        ("encoding", "surrogate", "value"),
    ),
]


@pytest.mark.parametrize(("text", "value", "what"), [one[1:] for one in MENDED], ids=[one[0] for one in MENDED])
def test_what_is_nearly_json_is_mended(text: bytes, value: Any, what: tuple[str, ...]) -> None:
    """It is read with as little loss as can be, and it is told what was mended."""
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(text)

    assert loads(text) == value
    assert orjson.loads(mend(text).text) == value
    assert mend(text).what == what


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 400, b"9" * 5000])
def test_numbers_beyond_all_bounds_are_null(number: bytes) -> None:
    """One number costs no document."""
    assert loads(b'{"a":' + number + b"}") == {"a": None}


def test_long_integers_are_floats_as_everywhere() -> None:
    """The parser of well-formed JSON reads them so, mended or not."""
    text = b'{"a":123456789012345678901234,"b":-1234567890123456789012,"c":%b}'

    assert loads(text % b"NaN") == loads(text % b"null")


@pytest.mark.parametrize("text", [b"", b"{", b'{"a":', b"hello", b"'a'", b"\xff", b'{"a":1}}', b"[" * 5000, b"\x00"])
def test_what_is_no_json_at_all_is_refused(text: bytes) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError):  # noqa: PT011 - its text is the parser's
        loads(text)
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        mend(text)


def test_mending_values_is_bounded() -> None:
    """A text of very many values with a NaN in it is refused, not taken apart."""
    with pytest.raises(ValueError, match="values"):
        loads(b"[" + b"[]," * 300_000 + b"NaN]")


@given(json_values())
def test_well_formed_json_is_read_as_it_is(value: Any) -> None:
    """The lenient reader says what the strict one says."""
    text = json.dumps(value, ensure_ascii=False).encode(errors="replace")
    try:
        strictly = orjson.loads(text)
    except orjson.JSONDecodeError:
        return

    assert loads(text) == strictly
    assert as_utf8(text) is text


@given(st.recursive(st.text(st.characters()) | st.none(), lambda inner: st.dictionaries(st.text(), inner)))
def test_texts_with_any_halves_become_json(value: Any) -> None:
    """Python's encoder writes halves as escapes, and whatever stands around them is kept."""
    text = json.dumps(value).encode()

    whole = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert loads(text) == json.loads(whole)


@given(st.binary(max_size=100))
def test_no_bytes_break_the_reader(text: bytes) -> None:
    """Anything is read or refused with ValueError."""
    try:
        value = loads(text)
    except ValueError:
        return
    orjson.dumps(value)
