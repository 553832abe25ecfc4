"""The view of the reference topics: what finds what, and which record is in force."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from schemas.reference.lookup import KINDS, Kind, Reference
from tests.support.directory import SHA256, dumps


def of_assets(*assets: dict[str, Any]) -> Reference:
    """A view of some assets."""
    reference = Reference()
    for asset in assets:
        reference.apply("assets", b"%d" % asset["id"], dumps(asset))
    return reference


def slug_to_id(reference: Reference, slug: str) -> int | None:
    """The id of the asset that a slug finds."""
    asset = reference.asset_by_slug(slug)
    return None if asset is None else asset.id


def test_rules_are_kept_cleaned_by_academy() -> None:
    """A record of the rules topic is cleaned as PUT cleans, an empty rule is dropped, and null is no rules."""
    reference = Reference()
    reference.apply("ignore-rules", b"4", dumps({"rules": [{}, {"user_ids": [1]}], "events": None}))
    reference.apply("ignore-rules", b"5", b"null")

    rules, none = reference.rules(4), reference.rules(5)
    assert rules is not None
    assert none is not None
    assert rules.stored == {"rules": [{"user_ids": [1]}]}
    assert rules.match({"user_id": 2}, lambda _: None) is None
    assert none.stored == {}
    assert reference.rules(6) is None


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"4", b'{"rules": [{"events": 3}]}', "`events` must be a list"),
        (b"4", b'{"rules": 3}', "`rules` must be a list"),
        (b"4", b'{"rules": [3]}', "`rules[0]` must be an object"),
        (b"4", b"[]", "The ignore rules must be a JSON object."),
        (
            b"4",
            b'{"rule": [{"user_ids": [2]}]}',
            "`rule` is no field of ignore rules, so nothing of the record is in force; did you mean `rules`?",
        ),
        (
            b"4",
            b'{"rules": [{"user_ids": [2], "event": ["batch"]}]}',
            (
                "`rules[0].event` is no field of ignore rules, so nothing of the record is in force; "
                "did you mean `events`?"
            ),
        ),
        (b"4", b'{"color": 1}', "`color` is no field of ignore rules, so nothing of the record is in force."),
        (b"x", b"{}", "the key b'x' is not an id"),
    ],
)
def test_bad_rules_leave_the_last_good_ones_in_force(key: bytes, value: bytes, reason: str) -> None:
    """A record that does not validate is refused with its reason and changes nothing."""
    reference = Reference()
    reference.apply("ignore-rules", b"4", b'{"user_ids": [1]}')

    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        reference.apply("ignore-rules", key, value)

    rules = reference.rules(4)
    assert str(caught.value) == reason
    assert rules is not None
    assert rules.stored == {"user_ids": [1]}


def test_a_bad_record_leaves_the_last_good_one_in_force() -> None:
    """Also of the directory the last good value stays, with its indexes."""
    reference = of_assets({"id": 1, "slug": "a", "aliases": ["b"], "learnpack_id": 9})

    with pytest.raises(ValueError, match="slug"):
        reference.apply("assets", b"1", b'{"id": 1, "aliases": ["c"]}')

    assert (slug_to_id(reference, "a"), slug_to_id(reference, "b"), slug_to_id(reference, "c")) == (1, 1, None)
    assert reference.asset_by_package(9) == reference.asset(1)


@pytest.mark.parametrize(("academy", "found"), [(1, 2), (2, 1), (None, 1)])
def test_an_academy_s_alias_yields_to_another_academy_s_slug(academy: int | None, found: int) -> None:
    """Whoever had the alias first would be counted what students do elsewhere."""
    reference = of_assets(
        {"id": 1, "slug": "mine", "academy": academy, "aliases": ["future"]},
        {"id": 2, "slug": "future", "academy": 2},
    )

    assert slug_to_id(reference, "future") == found


def test_assets_are_found_by_any_of_their_names() -> None:
    """Slugs in upper and lower case, aliases, translations and packages."""
    reference = of_assets(
        {"id": 1, "slug": "A", "aliases": ["b"]}, {"id": 2, "slug": "d", "translations": {"es": "c"}, "learnpack_id": 9}
    )

    named = [[asset.id for asset in reference.assets_naming([name], None, 9) or ()] for name in ("a", "b", "c", "x")]
    assert named == [[1], [1], [2], []]
    assert [asset.id for asset in reference.assets_naming(["b"], 9, 2) or ()] == [1, 2]
    assert reference.assets_naming(["b"], 9, 1) is None


def test_assets_are_found_by_id_slug_alias_and_package() -> None:
    """Each property of an asset finds it, and nothing else does."""
    reference = of_assets({"id": 1, "slug": "a", "aliases": ["b", "c"], "learnpack_id": 9}, {"id": 2, "slug": "d"})

    assert [slug_to_id(reference, slug) for slug in "abcdA"] == [1, 1, 1, 2, None]
    assert reference.asset_by_slug("") is None
    assert reference.asset_by_package(9) == reference.asset(1)
    assert reference.asset_by_package(8) is None
    assert reference.asset(3) is None


def test_of_equal_properties_the_lowest_id_is_found() -> None:
    """What should be unique and is not has one answer, whatever came first."""
    reference = of_assets(
        {"id": 2, "slug": "a", "learnpack_id": 9, "aliases": ["b"]},
        {"id": 1, "slug": "a", "learnpack_id": 9, "aliases": ["b"]},
    )

    assert (slug_to_id(reference, "a"), slug_to_id(reference, "b")) == (1, 1)
    assert reference.asset_by_package(9) == reference.asset(1)


def test_an_alias_comes_before_the_slug_of_another_asset() -> None:
    """Where an alias and another asset's slug are the same, the alias is found."""
    reference = of_assets({"id": 1, "slug": "a"}, {"id": 2, "slug": "b", "aliases": ["a"]})

    assert slug_to_id(reference, "a") == 2


@pytest.mark.parametrize(("own", "found"), [("Z", 1), ("z", 2)])
def test_of_two_aliases_the_first_in_the_alphabet_decides(own: str, found: int) -> None:
    """If the asset with the slug has aliases too, the first of all of them decides, as in the LMS."""
    reference = of_assets({"id": 1, "slug": "a", "aliases": [own]}, {"id": 2, "slug": "b", "aliases": ["a"]})

    assert slug_to_id(reference, "a") == found


def test_assets_are_named_whatever_the_case() -> None:
    """The asset pages take a slug in any case."""
    reference = of_assets({"id": 2, "slug": "Loops"}, {"id": 1, "slug": "loops"}, {"id": 3, "slug": "x"})

    assert [asset.id for asset in reference.assets_named("LOOPS")] == [1, 2]
    assert reference.assets_named("none") == []


def test_users_and_their_academies_are_found() -> None:
    """Users are found by id, members by academy."""
    reference = Reference()
    reference.apply("users", b"7", b'{"id": 7, "first_name": "F", "academies": [4, 4, 5]}')
    reference.apply("users", b"8", b'{"id": 8, "academies": [4]}')
    reference.apply("users", b"7", b'{"id": 7, "first_name": "G", "academies": [5]}')

    user = reference.user(7)
    assert user is not None
    assert user.first_name == "G"
    assert (reference.has_user(7), reference.has_user(9)) == (True, False)
    assert reference.user(9) is None
    assert (set(reference.members(4)), set(reference.members(5)), set(reference.members(6))) == ({8}, {7}, set())
    assert (reference.is_member(8, 4), reference.is_member(7, 4)) == (True, False)


def test_tasks_are_found_by_student_and_slugs() -> None:
    """Of a student's tasks those of any of the slugs are found, in order of id, each once."""
    reference = Reference()
    for number, user, slug in ((100, 7, "a"), (1, 7, "b"), (33, 7, "a"), (2, 8, "a"), (4, 7, None), (5, 7, "c")):
        reference.apply("tasks", b"%d" % number, dumps({"id": number, "user_id": user, "associated_slug": slug}))

    assert [task.id for task in reference.tasks_of(7, ["a", "b", "a", "none"])] == [1, 33, 100]
    assert reference.tasks_of(9, ["a"]) == []
    assert reference.tasks_of(7, []) == []
    task = reference.task(2)
    assert task is not None
    assert task.user_id == 8
    assert reference.task(9) is None


def test_an_academy_has_its_time_zone() -> None:
    """UTC where it names none; a name that is none of IANA's is refused, and the last good one stays."""
    reference = Reference()
    reference.apply("academies", b"4", b'{"timezone": "Europe/Madrid", "name": "M"}')
    reference.apply("academies", b"5", b'{"id": 5, "timezone": null}')
    for name in ("CEST", "europe/madrid", "America", "../UTC", "Europe/Madrid\\u0000", 3):
        with pytest.raises(ValueError, match="`timezone` must be"):
            reference.apply("academies", b"4", dumps({"id": 4, "timezone": name}))

    zones = [None if (one := reference.academy(number)) is None else str(one.zone) for number in (4, 5, 6)]
    assert zones == ["Europe/Madrid", "UTC", None]
    for blank in ("", "  "):
        reference.apply("academies", b"5", dumps({"id": 5, "timezone": blank}))
        assert (academy := reference.academy(5)) is not None
        assert (academy.timezone, str(academy.zone)) == (None, "UTC")
    reference.apply("academies", b"4", None)
    assert reference.academy(4) is None


def test_tokens_are_found_by_their_sha256_until_they_are_revoked() -> None:
    """A tombstone revokes a token."""
    reference = Reference()
    reference.apply("tokens", SHA256.encode(), b'{"user_id": 7}')
    token = reference.token(SHA256)
    reference.apply("tokens", SHA256.encode(), None)

    assert token is not None
    assert token.user_id == 7
    assert reference.token(SHA256) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_tombstone_of_nothing_changes_nothing(kind: Kind) -> None:
    """A key may be deleted that never had a value."""
    reference = Reference()
    reference.apply(kind, SHA256.encode() if kind == "tokens" else b"1", None)

    assert list(reference.records(kind)) == []


def test_the_records_in_force_can_be_listed() -> None:
    """Each kind lists its keys and values: rules as they were cleaned, the others as they came."""
    records: dict[Kind, tuple[bytes, bytes]] = {
        "ignore-rules": (b"4", b'{"user_ids":[1]}'),
        "assets": (b"1", b'{"slug": "a"}'),
        "users": (b"7", b'{"id": 7}'),
        "tasks": (b"3", b'{"id": 3, "user_id": 7}'),
        "academies": (b"4", b'{"id": 4, "timezone": "Europe/Madrid"}'),
        "tokens": (SHA256.encode(), b'{"user_id": 7}'),
    }
    reference = Reference()
    for kind, (key, value) in records.items():
        reference.apply(kind, key, value)
    reference.apply("users", b"8", b'{"id": 8}')
    reference.apply("users", b"8", None)

    listed = {kind: list(reference.records(kind)) for kind in KINDS}
    assert listed == {kind: [record] for kind, record in records.items()} | {"assets": [(b"1", b'{"slug":"a","id":1}')]}


def test_the_kinds_are_the_reference_topics() -> None:
    """There is a kind for each compacted topic of reference data."""
    assert get_args(Kind) == KINDS == ("ignore-rules", "assets", "users", "tasks", "academies", "tokens")
