"""Files of the directory, by the commands, against real servers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest

from deploy.local.resources import free_port
from operations.directory import load_reference
from schemas.reference.directory import LARGEST_RECORD
from tests.support.commands import command

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from schemas.settings import Settings

pytestmark = pytest.mark.system


def test_the_directory_takes_all_records_or_none(installed: Settings, tmp_path: Path) -> None:
    """A file with a bad record writes nothing; a good one is shown."""
    bad, good = tmp_path / "bad.json", tmp_path / "good.json"
    asset = {"id": 3, "slug": "lists", "lang": "en", "graded": True, "learnpack_id": 77}
    bad.write_bytes(orjson.dumps({"assets": [asset, {"id": 4}]}))
    good.write_bytes(
        orjson.dumps(
            {
                "assets": [asset],
                "users": [{"id": 7, "academies": [4]}],
                "academies": [{"id": 4, "timezone": "Europe/Madrid"}],
            }
        )
    )

    refused = command("directory", "load", bad)
    assert refused.code == 1
    assert refused.complaint.startswith(f"error: {bad}: ")
    assert "slug" in refused.complaint
    assert not list(asyncio.run(load_reference(installed)).records("assets"))

    assert command("directory", "load", good).out == "1 asset\n1 user\n1 academy\n"
    shown = command("directory", "show").out
    assert all(cell in shown for cell in ("lists", "en", "yes", "77", "1 user", "0 tasks", "1 academy"))


def test_the_directory_becomes_what_a_file_has(installed: Settings, tmp_path: Path) -> None:
    """`diff` says what differs (exit code 1), `load --replace` removes it after asking, other kinds stay."""
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    users = [{"kind": "user", "id": number, "first_name": "Ada", "academies": [4]} for number in (21, 22, 23)]
    first.write_bytes(b"\n".join(orjson.dumps(one) for one in [*users, {"kind": "academy", "id": 44}]))
    changed = [{**users[0], "academies": []}, {"kind": "user", "id": 22, "deleted": True}, {"kind": "user", "id": 24}]
    second.write_bytes(b"\n".join(map(orjson.dumps, changed)))
    command("directory", "load", first)

    before = command("directory", "diff", second)
    refused = command("directory", "load", second, "--replace", stdin=b"n\n")
    assert before.code == 1
    assert {"+ user 24", "~ user 21: academies", "- user 22", "- user 23"} <= set(before.out.splitlines())
    assert refused.code == 1
    assert refused.err.startswith("users: 1 new, 1 changed, ")
    assert refused.err.endswith("[y/N] error: nothing was written.\n")
    assert command("directory", "diff", second).out == before.out

    assert command("directory", "load", second, "--replace", "--yes").out.startswith("2 records written, ")
    same = command("directory", "diff", second)
    assert (same.code, same.out) == (0, "users: 2 the same\nThe directory is as the files have it.\n")
    assert command("directory", "load", second, "--replace").out == "The directory is as the files have it.\n"
    assert "2 users\n" in command("directory", "show").out
    assert asyncio.run(load_reference(installed)).academy(44) is not None

    once_more = [{**users[0], "first_name": "Eva"}, {**users[0], "first_name": "Ada"}]
    second.write_bytes(orjson.dumps({"users": once_more}))
    assert command("directory", "load", second).out == "1 user\n"
    assert b"Ada" in dict(asyncio.run(load_reference(installed)).records("users"))[b"21"]

    second.write_bytes(orjson.dumps({"users": [{"id": 24, "deleted": True}]}))
    assert command("directory", "load", second).out == "1 user removed\n"
    assert "1 user\n" in command("directory", "show").out


def lines(kind: str, numbers: Iterable[int]) -> bytes:
    """Records of a kind, a line each."""
    return b"\n".join(orjson.dumps({"kind": kind, "id": number, "user_id": 1}) for number in numbers)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"tasks": []}', b"\n"])
@pytest.mark.parametrize("what", [("load",), ("load", "--replace", "--yes"), ("diff",)])
def test_a_file_without_a_record_is_an_error(
    installed: Settings, tmp_path: Path, what: tuple[str, ...], data: bytes
) -> None:
    """An export that failed would be taken for a directory that is as it should be, also beside another file."""
    empty, good = tmp_path / "empty.ndjson", tmp_path / "good.ndjson"
    empty.write_bytes(data)
    good.write_bytes(lines("task", [1]))

    for files in ((empty,), (good, empty)):
        outcome = command("directory", *what, *files)

        assert outcome.code == (2 if what == ("diff",) else 1)
        assert outcome.complaint == f"error: {empty} has no record: did whatever writes it fail?"
    assert not list(asyncio.run(load_reference(installed)).records("tasks"))


@pytest.mark.usefixtures("installed")
def test_diff_that_cannot_say_does_not_say_that_there_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 where a file or Kafka cannot be read."""
    there = tmp_path / "there.ndjson"
    there.write_bytes(lines("task", [1]))
    unread = command("directory", "diff", tmp_path / "none.ndjson")
    monkeypatch.setenv("TELEMETRY_KAFKA", f"127.0.0.1:{free_port()}")
    unasked = command("directory", "diff", there)

    assert (unread.code, unasked.code) == (2, 2)
    assert unread.complaint.startswith("error: ")


def test_a_record_may_be_as_large_as_the_page_says(
    installed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes through Kafka whole, also where a request's body may be half of it alone; a byte more does not."""
    file, record = tmp_path / "large.ndjson", {"kind": "asset", "id": 31, "slug": "large", "x": ""}
    monkeypatch.setenv("TELEMETRY_MAX_BODY_BYTES", str(LARGEST_RECORD // 2))
    for more in (0, 1):
        value = {name: record[name] for name in ("id", "slug", "x")}
        text = "a" * (LARGEST_RECORD - len(orjson.dumps(value)) + more)
        file.write_bytes(orjson.dumps({**record, "x": text}))
        outcome = command("directory", "load", file)

        assert outcome.code == more
    held = dict(asyncio.run(load_reference(installed)).records("assets"))
    assert len(held[b"31"]) == LARGEST_RECORD


@pytest.mark.usefixtures("installed")
def test_an_export_that_was_cut_off_removes_little(tmp_path: Path) -> None:
    """`load --replace` writes nothing then, whoever agrees; `--remove-any` makes it so."""
    whole, cut = tmp_path / "whole.ndjson", tmp_path / "cut.ndjson"
    whole.write_bytes(lines("task", range(1, 301)))
    cut.write_bytes(lines("task", [1, 2, 301]))
    command("directory", "load", whole)

    refused = command("directory", "load", cut, "--replace", "--yes")
    assert refused.code == 1
    assert refused.err.endswith(
        "error: too much would change at once, so nothing was written: of 300 tasks 298 are not in the files. Look at "
        "the files, then use --remove-any.\n"
    )
    assert command("directory", "diff", whole).code == 0

    taken = command("directory", "load", cut, "--replace", "--yes", "--remove-any")
    assert (taken.code, taken.out) == (0, "1 record written, 298 removed.\n")
