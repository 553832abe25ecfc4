"""What names a record of the directory may take, and how many may have one."""

from __future__ import annotations

from typing import Any, Final

import orjson
import pytest

from schemas.reference.lookup import Reference
from tests.support.directory_writers import NOT_OURS, refused, writer


def test_a_claim_locks_nobody_out() -> None:
    """Academy 1 had a link to what academy 2 has now: that one writes its own as it is, and takes nothing in return."""
    known = Reference()
    for key, record in (
        (b"2", {"slug": "own", "academy": 1, "translations": {"us": "future"}}),
        (b"5000", {"slug": "future", "academy": 2, "graded": True}),
    ):
        known.apply("assets", key, orjson.dumps(record))
    owner = writer(academies=(2,))

    assert refused(owner, known, "assets", "5000", {"slug": "future", "academy": 2, "title": "x"}) == ""
    assert refused(owner, known, "assets", "5000", None) == ""
    assert refused(owner, known, "assets", "5000", {"slug": "own", "academy": 2}) == NOT_OURS


def test_what_moves_to_another_academy_takes_its_names_anew() -> None:
    """A link that did not count would: the tutorial that it names has translations in a third one."""
    known = Reference()
    for key, record in (
        (b"1", {"slug": "a", "academy": 1, "translations": {"us": "b"}}),
        (b"2", {"slug": "b", "academy": 2, "translations": {"es": "c"}}),
        (b"3", {"slug": "c", "academy": 3, "translations": {"us": "b"}}),
    ):
        known.apply("assets", key, orjson.dumps(record))
    moved = {"slug": "a", "academy": 2, "translations": {"us": "b"}}

    assert refused(writer(academies=(1, 2)), known, "assets", "1", moved) == NOT_OURS
    assert refused(writer(academies=(1, 2, 3)), known, "assets", "1", moved) == ""


CROWDED: Final = "invalid-directory-record.crowded"


@pytest.mark.parametrize(
    "names",
    [{"slug": "same"}, {"slug": "Same"}, {"aliases": ["same"]}, {"translations": {"es": "same"}}, {"learnpack_id": 7}],
)
def test_more_than_a_hundred_do_not_have_one_name(names: dict[str, Any]) -> None:
    """Those of one request count together; one that has the name may be written, the LMS writes any number."""
    known, who, lms = Reference(), writer(), writer(operates=True)
    records = [{"slug": f"s{number}", "academy": 1, **names} for number in range(102)]
    if "slug" in names:
        records[50]["slug"] = "sAmE"
    first = [refused(who, known, "assets", str(number), record) for number, record in enumerate(records)]
    for number, record in enumerate(records[:101]):
        known.apply("assets", b"%d" % number, orjson.dumps(record))

    assert first == [""] * 100 + [CROWDED] * 2
    assert refused(writer(), known, "assets", "101", records[101]) == CROWDED
    assert refused(writer(), known, "assets", "5", {**records[5], "title": "x"}) == ""
    assert refused(lms, known, "assets", "101", records[101]) == ""


def test_lines_are_judged_however_many_have_a_name_already() -> None:
    """Thousands that were written to Kafka, and all of them again: with the square of them this test has no end."""
    known = Reference()
    records = [{"slug": f"s{number}", "academy": 1, "translations": {"es": "s0"}} for number in range(5_000)]
    for number, record in enumerate(records):
        known.apply("assets", b"%d" % number, orjson.dumps(record))
    who = writer()
    again = {refused(who, known, "assets", str(number), record) for number, record in enumerate(records)}
    more = {refused(who, known, "assets", str(5_000 + number), record) for number, record in enumerate(records)}

    assert (again, more) == ({""}, {CROWDED})


def test_no_more_than_a_hundred_become_translations() -> None:
    """Also where each links to one other only."""
    known = Reference()
    for number in range(100):
        record = {"slug": f"s{number}", "academy": 1, "translations": {"us": f"s{number - 1}"}}
        known.apply("assets", b"%d" % number, orjson.dumps(record))
    longer = {"slug": "s100", "academy": 1, "translations": {"us": "s99"}}

    assert refused(writer(), known, "assets", "100", longer) == CROWDED
    assert refused(writer(), known, "assets", "99", {"slug": "s99", "academy": 1, "title": "x"}) == ""


def test_a_student_has_at_most_a_hundred_tasks_of_one_tutorial() -> None:
    """Each of his webhooks asks for all of them; those of one request count together."""
    known, who = Reference(), writer()
    known.apply("users", b"1", b'{"academies": [1]}')
    task = {"user_id": 1, "associated_slug": "same"}
    results = [refused(who, known, "tasks", str(number), task) for number in range(1000, 1102)]
    for number in range(1000, 1100):
        known.apply("tasks", b"%d" % number, orjson.dumps(task))

    assert results == [""] * 100 + [CROWDED] * 2
    assert refused(writer(), known, "tasks", "1100", task) == CROWDED
    assert refused(writer(), known, "tasks", "1099", {**task, "title": "x"}) == ""
