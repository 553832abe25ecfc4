"""Who may write what of the directory."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import orjson
import pytest

from gateway.api.directory_rights import writer_of
from gateway.errors import ApiError
from schemas.reference.lookup import Kind, Reference
from tests.support.directory_writers import NOT_OURS, STAFF, WRITE, refused, token, writer

SHA: Final = "ab" * 32
OTHERS: Final = "cd" * 32
FOREIGN: Final = "ef" * 32
LARGER: Final = "0f" * 32

RECORDS: Final[list[tuple[Kind, str, dict[str, Any]]]] = [
    ("users", "1", {"academies": [1]}),
    ("users", "2", {"academies": [2]}),
    ("users", "12", {"academies": [1, 2]}),
    ("users", "9", {"academies": []}),
    ("users", "4", {"academies": [1], "notebook_names": ["Ada"]}),
    ("assets", "10", {"slug": "ours", "academy": 1}),
    ("assets", "20", {"slug": "theirs", "academy": 2, "aliases": ["old"], "learnpack_id": 77}),
    ("assets", "30", {"slug": "everybodys"}),
    ("tasks", "100", {"user_id": 1}),
    ("tasks", "200", {"user_id": 2}),
    ("tokens", OTHERS, {"user_id": 1, "academies": {}}),
    ("assets", "40", {"slug": "linked", "academy": 1, "aliases": ["soon"]}),
    ("assets", "41", {"slug": "su-curso-2", "academy": 2, "translations": {"es": "su-curso"}}),
    ("assets", "50", {"slug": "shared", "academy": 1, "translations": {"es": "compartido"}}),
    ("assets", "51", {"slug": "compartido", "academy": 2, "translations": {"us": "shared"}}),
    ("assets", "60", {"slug": "claimed", "academy": 1, "translations": {"es": "claim"}}),
    ("assets", "61", {"slug": "claim", "academy": 2, "learnpack_id": 79}),
    ("assets", "62", {"slug": "claims", "academy": 2, "aliases": ["claimed"], "translations": {"us": "claimed"}}),
    ("tokens", LARGER, {"user_id": 5, "academies": {"1": [WRITE, "operate_telemetry"]}}),
    ("tokens", FOREIGN, {"user_id": 2, "academies": {"2": ["read_assignment"]}}),
]


@pytest.fixture(scope="module")
def reference() -> Reference:
    """Two academies, with students of either, of both and of none."""
    known = Reference()
    for kind, key, record in RECORDS:
        known.apply(kind, key.encode(), orjson.dumps(record))
    return known


@pytest.mark.parametrize(
    ("kind", "key", "record"),
    [
        ("users", "1", {"academies": [1], "first_name": "Ada"}),
        ("users", "4", {"academies": [1], "notebook_names": ["ADA"], "first_name": "x"}),
        ("users", "4", {"academies": [1]}),
        ("users", "1", None),
        ("users", "404", None),
        ("assets", "10", {"slug": "ours", "academy": 1, "translations": {"us": "ours", "es": "nuestro"}}),
        ("assets", "11", {"slug": "new", "academy": 1, "learnpack_id": 78}),
        ("assets", "10", None),
        ("assets", "60", {"slug": "claimed", "academy": 1, "translations": {"es": "claim"}, "title": "x"}),
        ("assets", "60", {"slug": "claimed", "academy": 1}),
        ("assets", "60", None),
        ("tasks", "100", {"user_id": 1, "title": "x"}),
        ("tasks", "101", {"user_id": 12}),
        ("academies", "1", {"timezone": "UTC"}),
        ("assets", "40", {"slug": "linked", "academy": 1, "aliases": ["soon"], "title": "x"}),
        ("tokens", SHA, {"user_id": 5, "academies": {}}),
        ("tokens", SHA, {"user_id": 5, "academies": {"1": ["read_assignment"]}}),
        ("tokens", SHA, {"ingest": True, "academies": {"1": []}}),
        ("tokens", OTHERS, None),
    ],
)
def test_an_academy_writes_what_is_its_own(
    reference: Reference, kind: Kind, key: str, record: dict[str, Any] | None
) -> None:
    """Its members, its tutorials, its students' tasks and tokens; deleting what is not there is no harm."""
    assert refused(writer(), reference, kind, key, record) == ""


@pytest.mark.parametrize(
    ("kind", "key", "record"),
    [
        ("users", "2", {"academies": [1]}),
        ("users", "2", None),
        ("users", "12", {"academies": [1, 2], "first_name": "x"}),
        ("users", "1", {"academies": [1, 2]}),
        ("users", "9", {"academies": [1]}),
        ("users", "1", {"academies": [1], "notebook_names": ["JANE-DOE"]}),
        ("assets", "20", {"slug": "theirs", "academy": 1}),
        ("assets", "20", None),
        ("assets", "30", {"slug": "everybodys", "academy": 1}),
        ("assets", "11", {"slug": "new", "academy": 2}),
        ("assets", "11", {"slug": "new"}),
        ("assets", "5", {"slug": "theirs", "academy": 1}),
        ("assets", "5", {"slug": "THEIRS", "academy": 1}),
        ("assets", "5", {"slug": "new", "academy": 1, "aliases": ["old"]}),
        ("assets", "5", {"slug": "new", "academy": 1, "translations": {"es": "theirs"}}),
        ("assets", "5", {"slug": "new", "academy": 1, "learnpack_id": 77}),
        ("assets", "5", {"slug": "su-curso", "academy": 1}),
        ("assets", "5", {"slug": "new", "academy": 1, "aliases": ["su-curso"]}),
        ("assets", "5", {"slug": "new", "academy": 1, "translations": {"es": "su-curso"}}),
        ("assets", "5", {"slug": "new", "academy": 1, "translations": {"es": "shared"}}),
        ("assets", "50", {"slug": "shared", "academy": 1, "title": "x"}),
        ("assets", "50", None),
        ("assets", "60", {"slug": "claim", "academy": 1, "translations": {"es": "claim"}}),
        ("assets", "60", {"slug": "claimed", "academy": 1, "aliases": ["claim"]}),
        ("tasks", "200", {"user_id": 1}),
        ("tasks", "201", {"user_id": 2}),
        ("tasks", "201", {"user_id": 404}),
        ("academies", "2", {"timezone": "UTC"}),
        ("academies", "2", None),
        ("tokens", FOREIGN, None),
        ("tokens", LARGER, None),
        ("tokens", LARGER, {"user_id": 5}),
        ("tokens", OTHERS, {"user_id": 5}),
    ],
)
def test_an_academy_writes_nothing_of_others(
    reference: Reference, kind: Kind, key: str, record: dict[str, Any] | None
) -> None:
    """Nor takes in whom others or nobody has, nor takes a name that is another tutorial's; an operator may."""
    assert refused(writer(), reference, kind, key, record) == NOT_OURS
    assert refused(writer(operates=True), reference, kind, key, record) == ""


@pytest.mark.parametrize("academies", [[1], [], [2]])
@pytest.mark.parametrize("strict", [False, True])
def test_whom_the_directory_does_not_know_the_lms_adds(
    reference: Reference, academies: list[int], *, strict: bool
) -> None:
    """He may be another academy's student, whom the LMS has not told of yet or no longer."""
    record = {"academies": academies}

    expected = "missing-capability.unknown.operate_telemetry"
    assert refused(writer(strict=strict), reference, "users", "3", record) == expected
    assert refused(writer(operates=True, strict=strict), reference, "users", "3", record) == ""


def test_an_open_directory_leaves_the_tasks_of_unknown_students_to_any_staff(reference: Reference) -> None:
    """As all that is theirs."""
    assert refused(writer(strict=False), reference, "tasks", "201", {"user_id": 404}) == ""


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"user_id": 5, "academies": {"1": ["read_asset"]}}, "missing-capability.read_asset"),
        ({"user_id": 5, "academies": {"2": ["read_assignment"]}}, "missing-capability.read_assignment"),
        ({"ingest": True, "academies": {"2": []}}, "missing-capability.upload_assignment_telemetry"),
        ({"ingest": True, "academies": {"1": ["read_assignment"]}}, "invalid-directory-record.key"),
        ({"user_id": 5, "secret": "x"}, "invalid-directory-record.secret"),
        ({"user_id": 5, "API-Key": "x"}, "invalid-directory-record.secret"),
        ({"user_id": 5, "Access_Token": "x"}, "invalid-directory-record.secret"),
    ],
)
@pytest.mark.parametrize("operates", [False, True])
def test_a_token_gives_nobody_what_its_maker_has_not(
    reference: Reference, record: dict[str, Any], reason: str, *, operates: bool
) -> None:
    """No capability, no academy, no student's documents; an operator's gives no more."""
    assert refused(writer(operates=operates), reference, "tokens", SHA, record) == reason


@pytest.mark.parametrize("field", ["label", "raw_value"])
def test_a_token_s_secret_is_refused_whatever_it_is_called(reference: Reference, field: str) -> None:
    """A text is one where its digest is the address; any other is kept."""
    reasons = [
        refused(writer(), reference, "tokens", sha256(b"made").hexdigest(), {"user_id": 5, field: text})
        for text in ("made", "other")
    ]

    assert reasons == ["invalid-directory-record.secret", ""]


@pytest.mark.parametrize("user_id", [2, 12])
def test_a_token_of_somebody_else_needs_all_of_his_academies(reference: Reference, user_id: int) -> None:
    """An operator's too: it reads his documents and reports for him."""
    made = refused(writer(operates=True), reference, "tokens", SHA, {"user_id": user_id})

    assert made == "missing-capability.student.read_assignment"


@pytest.mark.parametrize("academies", [{}, {"1": []}, {"2": []}])
@pytest.mark.parametrize("operates", [False, True])
def test_who_may_not_upload_makes_no_token_that_may(
    reference: Reference, academies: dict[str, list[str]], *, operates: bool
) -> None:
    """A token without capabilities in an academy uploads there."""
    names = (WRITE, "operate_telemetry") if operates else (WRITE,)
    maker = writer_of(token({1: names}), None, strict=True)
    reason = refused(maker, reference, "tokens", SHA, {"user_id": 5, "academies": academies})

    assert reason == "missing-capability.upload_assignment_telemetry"


@pytest.mark.parametrize(
    "record", [{"user_id": 1}, {"user_id": 404}, {"user_id": 9}, {"ingest": True, "academies": {}}]
)
def test_tokens_of_whom_nobody_knows_and_keys_of_everywhere_are_operators(
    reference: Reference, record: dict[str, Any]
) -> None:
    """Whoever is unknown today may be another academy's student tomorrow."""
    assert refused(writer(), reference, "tokens", SHA, record).endswith("operate_telemetry")
    assert refused(writer(operates=True), reference, "tokens", SHA, record) == ""


def test_who_may_not_read_makes_no_token_that_may(reference: Reference) -> None:
    """A personal token reads its user's documents: whoever makes it must be allowed to."""
    names = (WRITE, "operate_telemetry", "crud_telemetry", "upload_assignment_telemetry")
    maker = writer_of(token({1: names}), None, strict=True)

    assert refused(maker, reference, "tokens", SHA, {"user_id": 1}) == "missing-capability.student.read_assignment"


@pytest.mark.parametrize(
    ("expires", "allowed"), [("2030-01-01T00:00:00Z", True), ("2030-01-02T00:00:00Z", False), (None, False)]
)
def test_a_token_ends_no_later_than_its_maker(reference: Reference, expires: str | None, *, allowed: bool) -> None:
    """One without end would outlive it."""
    maker = writer(expires_at=1_893_456_000_000_000)
    reason = refused(maker, reference, "tokens", SHA, {"user_id": 5, "expires_at": expires})

    assert reason == ("" if allowed else "missing-capability.expiry")


def test_the_academy_of_the_request_narrows(reference: Reference) -> None:
    """Whoever names an academy writes as that one alone, an operator too."""
    both = token({1: (*STAFF, "operate_telemetry"), 2: STAFF})
    first = writer_of(both, 1, strict=True)

    assert refused(writer_of(both, None, strict=True), reference, "users", "2", None) == ""
    assert refused(first, reference, "users", "2", None) == NOT_OURS
    assert refused(first, reference, "users", "1", None) == ""


@pytest.mark.parametrize(
    ("academies", "scope", "slug"),
    [
        ({1: ("read_assignment",)}, None, "missing-capability.anywhere"),
        ({}, None, "missing-capability.anywhere"),
        ({1: (WRITE,)}, 2, "missing-capability"),
    ],
)
def test_without_the_capability_nothing_is_written(
    academies: dict[int, tuple[str, ...]], scope: int | None, slug: str
) -> None:
    """Nor in another academy than the one that has it."""
    with pytest.raises(ApiError) as caught:
        writer_of(token(academies), scope, strict=True)

    assert str(caught.value) == slug
