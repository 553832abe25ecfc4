"""What `send` makes of files."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from deploy.demo.documents import FileError, demo_documents, read_webhooks

if TYPE_CHECKING:
    from pathlib import Path

OBJECTS = st.dictionaries(st.text(max_size=5), st.integers(-(2**53), 2**53) | st.text(max_size=5), max_size=3)


def bodies(directory: Path, data: bytes) -> list[bytes]:
    """What a file with these bytes holds."""
    file = directory / "file"
    file.write_bytes(data)
    return list(read_webhooks(file))


@given(objects=st.lists(OBJECTS, min_size=2), compressed=st.booleans(), ending=st.sampled_from([b"\n", b"\r\n"]))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_lines_are_sent_as_they_are(
    tmp_path: Path, *, objects: list[dict[str, Any]], compressed: bool, ending: bytes
) -> None:
    """Each line of an NDJSON file is one body, byte for byte, gzipped or not."""
    lines = [orjson.dumps(one) for one in objects]
    data = ending.join([*lines, b""])

    assert bodies(tmp_path, gzip.compress(data) if compressed else data) == lines


def test_a_document_is_one_body(tmp_path: Path) -> None:
    """A JSON file of one object over many lines is sent whole."""
    document = b'{\n  "telemetry_id": "run",\n  "steps": []\n}\n'

    assert bodies(tmp_path, document) == [document]


def test_an_array_is_several_bodies(tmp_path: Path) -> None:
    """Each object of a JSON array is a body."""
    assert bodies(tmp_path, b'[\n{"a": 1},\n{"b": 2}]') == [b'{"a":1}', b'{"b":2}']


def test_files_of_other_encodings_are_read(tmp_path: Path) -> None:
    """Windows' editors and shells begin a file with a mark, or write UTF-16; half an emoji is no obstacle either."""
    text = '{"a": "é"}\n{"b": "\\ud83d"}\n'
    lines = ['{"a": "é"}'.encode(), b'{"b": "\\ud83d"}']

    assert [bodies(tmp_path, text.encode(encoding)) for encoding in ("utf-8-sig", "utf-16")] == [lines, lines]


def test_an_export_is_unwrapped(tmp_path: Path) -> None:
    """Of a line as exports write it the document alone is sent; a document that has such a key is sent whole."""
    export = b'{"student": 1, "document": {"telemetry_id": "run"}}'
    document = b'{"telemetry_id": "run", "document": {}}'

    assert bodies(tmp_path, export + b"\n\n" + document) == [b'{"telemetry_id":"run"}', document]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b'{"a": 1}\nsoup\n', "line 2: not JSON: it begins otherwise$"),
        (b'{"a": 1}\n[2]\n', "line 2: not a JSON object"),
        (b"5", "line 1: not a JSON object"),
        (b"null", "line 1: not a JSON object"),
        (b'[{"a": 1}, 2]', "line 2: not a JSON object"),
        (b"\xff", "line 1: not JSON: it begins otherwise$"),
        (b"", "has no webhook: it is empty"),
        (b" \n\n", "has no webhook: it is empty"),
        (b"[]", "has no webhook: it is empty"),
        (gzip.compress(b'{"a": 1}')[:-9], "cannot be read: "),
        (gzip.compress(b"{" * 99)[:12] + b"\xff" * 20, "cannot be read: "),
    ],
)
def test_what_is_no_webhook_is_named(tmp_path: Path, data: bytes, complaint: str) -> None:
    """The error says which file and line, and what is wrong there."""
    with pytest.raises(FileError, match=complaint) as error:
        bodies(tmp_path, data)

    assert str(error.value).startswith(str(tmp_path / "file"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file is an error of the same kind."""
    with pytest.raises(FileError, match=r"nowhere cannot be read: there is no such file\."):
        list(read_webhooks(tmp_path / "nowhere"))


def test_the_bundled_documents_are_documents() -> None:
    """A dozen or more, each a JSON object of one student's run of one tutorial."""
    documents = [orjson.loads(body) for body in demo_documents()]

    assert len(documents) >= 12
    assert all({"telemetry_id", "slug", "user_id", "steps"} <= document.keys() for document in documents)
