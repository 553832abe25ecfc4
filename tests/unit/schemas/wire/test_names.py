"""What text of a client's may stand where analysts read."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.wire.names import error_type_of, is_key, is_version, name_of
from tests.support.documents import documents


@pytest.mark.parametrize(
    "name",
    [
        "",
        "]",
        "[1]",
        "00-welcome",
        "01.1-Introducción a los bucles",
        "01 hello world",
        "6d4a0c9e-0b0f",
        "D3_Datetimes",
        "李",
    ],
)
def test_a_name_stays(name: str) -> None:
    """Whatever language it is in."""
    assert name_of(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.com",
        "ada\uff20example.com",
        "my name is Ada and I live in Madrid, by the river",
        "a\n" * 20,
        '{"fullname":"Ada"}',
    ],
)
def test_what_is_no_name_is_told_by_a_digest(text: str) -> None:
    """It holds nothing of the text, and the same text has the same one."""
    digest = name_of(text)

    assert digest.startswith("~")
    assert len(digest) == 25
    assert (name_of(text), name_of(text + "x") != digest) == (digest, True)


def test_names_of_real_documents_stay() -> None:
    """Tutorials, runs and steps as clients name them are names."""
    for document in documents().values():
        slugs = [str(step.get("slug")) for step in document["steps"]]
        for name in (str(document["slug"]), str(document["telemetry_id"]), *slugs):
            assert name_of(name) == name


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ("SyntaxError", "SyntaxError"),
        (" json.decoder.JSONDecodeError ", "json.decoder.JSONDecodeError"),
        ("run-time", "run-time"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("Ada Lovelace", "other"),
        ("hunter2", "other"),
        ("NameError: name 'ada' is not defined", "other"),
        ("x" * 80 + "Error", "other"),
        ("", ""),
        (None, ""),
        (3, ""),
        (["SyntaxError"], ""),
    ],
)
def test_an_error_has_a_kind_of_a_vocabulary(sent: Any, kind: str) -> None:
    """Exceptions and phases by name, any other text is `other`."""
    assert error_type_of(sent) == kind


def test_a_version_is_of_a_program() -> None:
    """Numbers with dots."""
    versions = ("5.0.12", "1.0", "v2.1.3-beta.4", "1.0rc1")

    assert all(map(is_version, versions))
    assert not any(map(is_version, ("5", "5ecret", "1.0.ada", "", "latest", "1.0-ada")))


def test_a_key_is_what_programmers_call_things() -> None:
    """A sentence or an address is none."""
    assert [is_key(name) for name in ("level", "cell_num", "v1.2-x", "", "a b", "$set", "ada@b", "x" * 65)] == [
        True,
        True,
        True,
        *[False] * 5,
    ]
