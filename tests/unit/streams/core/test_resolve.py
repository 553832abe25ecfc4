"""Which asset a webhook is about (docs/semantics.md, "Tutorials")."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.reference.lookup import Reference
from streams.core.resolve import Resolved, adopt_package_id, logged_asset_id, recall, resolve_batch, resolve_event
from tests.support.directory import SCHOOL, directory_of
from tests.support.strategies import json_objects, json_values

EMPTY = Reference()


def batch(payload: dict[str, Any], *, strict: bool = True, school: Reference = SCHOOL) -> tuple[str, int | None] | None:
    """The canonical asset of a batch."""
    resolved = resolve_batch(payload, school, strict=strict)
    return None if resolved is None else (resolved.slug, resolved.asset_id)


def event(
    payload: dict[str, Any], session: Resolved | None = None, *, strict: bool = True, school: Reference = SCHOOL
) -> tuple[str, int | None] | None:
    """The canonical asset of a streamed event."""
    resolved = resolve_event(payload, session, school, strict=strict)
    return None if resolved is None else (resolved.slug, resolved.asset_id)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("payload", "resolved"),
    [
        ({"asset_id": "9,8", "slug": "arrays", "package_id": 50}, ("maps", 8)),
        ({"asset_id": "1", "slug": "arrays", "package_id": 50}, ("arrays", 9)),
        ({"slug": "old-loops"}, ("bucles", 3)),
        ({"slug": "cicli"}, ("bucles", 3)),
        ({"package_slug": "maps"}, ("maps", 8)),
        ({"slug": "arrays", "package_slug": "maps"}, ("arrays", 9)),
        ({"slug": "nowhere", "package_id": "80"}, ("maps", 8)),
        ({"slug": None, "package_id": 50}, ("bucles", 3)),
        ({"slug": "", "package_id": 80.0}, ("maps", 8)),
    ],
)
def test_a_batch_is_found_by_id_then_slug_then_package(
    payload: dict[str, Any],
    resolved: tuple[str, int],
    strict: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Each way is tried where the one before finds nothing; what is found counts under its canonical asset."""
    assert batch(payload, strict=strict) == resolved


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"slug": "nowhere"},
        {"slug": "nowhere", "package_id": "x"},
        {"asset_id": 1, "slug": " maps "},
        {"slug": None, "package_slug": "maps"},
        {"slug": "", "package_slug": "maps"},
        {"asset_ids": [8], "slug": "nowhere"},
        {"package": {"asset_id": 8}, "slug": "nowhere"},
    ],
)
def test_a_batch_of_an_unknown_asset_is_not_found_in_a_strict_directory(payload: dict[str, Any]) -> None:
    """`package_slug` counts only without the key `slug`, and only the root `asset_id` gives a batch its candidates."""
    assert batch(payload) is None


@pytest.mark.parametrize(
    ("payload", "resolved"),
    [
        ({"slug": "mine"}, ("mine", None)),
        ({"slug": " mine "}, (" mine ", None)),
        ({"slug": 12}, ("12", None)),
        ({"asset_id": "318,1", "slug": "mine"}, ("mine", 1)),
        ({"slug": "mine", "package_slug": "other"}, ("mine", None)),
        ({"slug": "", "package_slug": "other"}, ("other", None)),
        ({"slug": None, "package_slug": "other"}, ("other", None)),
        ({"slug": "", "asset_id": 318}, ("asset-318", 318)),
        ({"slug": ""}, None),
        ({"slug": None, "package_id": 4}, None),
    ],
)
def test_an_open_directory_takes_the_slug_of_a_batch_as_it_is(
    payload: dict[str, Any], resolved: tuple[str, int | None] | None
) -> None:
    """What the directory does not know is the slug that was sent, or the id where no slug was."""
    assert batch(payload, strict=False, school=EMPTY) == resolved


def test_an_open_directory_grades_every_asset() -> None:
    """Open: every asset counts as graded. Strict: the canonical asset's flag decides, not the found one's."""

    def graded(slug: str, *, strict: bool) -> bool:
        resolved = resolve_batch({"slug": slug}, SCHOOL, strict=strict)
        assert resolved is not None
        return resolved.graded

    assert [graded(slug, strict=True) for slug in ("loops", "bucles", "cicli", "maps")] == [True, True, True, False]
    assert all(graded(slug, strict=False) for slug in ("loops", "maps", "nowhere"))


def test_the_found_asset_comes_along() -> None:
    """Beside the canonical slug and id stands the record of the asset that was found."""
    resolved = resolve_batch({"slug": "cicli"}, SCHOOL, strict=True)

    assert resolved == Resolved("bucles", 3, SCHOOL.asset(7), graded=True)


SESSION = Resolved("arrays", 9, SCHOOL.asset(9), graded=False)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("payload", "session", "resolved"),
    [
        ({"asset_id": "8", "package_slug": "loops", "package_id": 50}, SESSION, ("maps", 8)),
        ({"asset_ids": [8]}, SESSION, ("maps", 8)),
        ({"package": {"asset_id": 8}}, SESSION, ("maps", 8)),
        ({"asset_id": 1, "package_slug": "old-loops", "package_id": 80}, SESSION, ("bucles", 3)),
        ({"package_id": 80}, SESSION, ("arrays", 9)),
        ({"asset_id": 1, "package_id": 80}, SESSION, ("arrays", 9)),
        ({"package_id": "80"}, None, ("maps", 8)),
        ({"asset_id": 1, "package_id": 80}, None, ("maps", 8)),
        ({"slug": "maps"}, SESSION, ("arrays", 9)),
        ({"slug": "maps"}, None, None),
        ({"slug": "maps", "package_slug": "", "package_id": "x"}, None, None),
        ({"slug": "maps", "asset_id": 1}, None, None),
    ],
)
def test_an_event_is_found_by_id_package_slug_session_and_package_never_by_its_slug(
    payload: dict[str, Any],
    session: Resolved | None,
    resolved: tuple[str, int] | None,
    strict: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Each way is tried where the one before finds nothing; the bare slug is the step's."""
    assert event(payload, session, strict=strict) == resolved


def test_an_unknown_package_slug_decides_in_an_open_directory_only() -> None:
    """Open takes it as the asset, before the session; strict goes on to the session."""
    payload = {"package_slug": "mine", "asset_id": 318}

    assert event(payload, SESSION, strict=False) == ("mine", 318)
    assert event(payload, SESSION, strict=True) == ("arrays", 9)
    assert event(payload, strict=True) is None


def test_batch_and_event_of_one_unknown_tutorial_meet() -> None:
    """In an open directory a batch, an event with its package_slug and an event of its session have one asset."""
    named = resolve_batch({"slug": "mine", "asset_id": 318}, EMPTY, strict=False)
    assert named is not None

    assert event({"package_slug": "mine", "asset_id": 318}, strict=False, school=EMPTY) == ("mine", 318)
    assert event({"asset_id": 318}, named, strict=False, school=EMPTY) == ("mine", 318)
    assert recall(named.slug, named.asset_id, EMPTY, strict=False) == named


def test_a_recalled_asset_follows_the_directory() -> None:
    """A stored canonical asset is looked up again: by id, else by slug, under what is canonical now."""
    now = directory_of({"id": 3, "slug": "renamed"}, {"id": 2, "slug": "lower", "translations": {"es": "renamed"}})

    assert recall("bucles", 3, now, strict=True) == Resolved("lower", 2, now.asset(3), graded=False)
    assert recall("renamed", None, now, strict=True) == Resolved("lower", 2, now.asset(3), graded=False)
    assert recall("gone", 9, now, strict=True) is None
    assert recall("gone", 9, now, strict=False) == Resolved("gone", 9, None, graded=True)


@pytest.mark.parametrize(("sent", "number"), [(4, 4), ("4", 4), (" 4 ", 4), (4.9, 4)])
def test_an_asset_found_by_id_adopts_the_package_id(sent: Any, number: int) -> None:
    """Where the asset has no learnpack_id, the batch's package_id becomes it, and nothing else changes."""
    asset = SCHOOL.asset(9)
    assert asset is not None

    adopted = adopt_package_id(asset, {"asset_id": "1,9", "package_id": sent})

    assert adopted is not None
    assert adopted.fields() == asset.fields() | {"learnpack_id": number}


@pytest.mark.parametrize(
    ("number", "payload"),
    [
        (9, {"asset_id": 9}),
        (9, {"asset_id": 9, "package_id": None}),
        (9, {"asset_id": 9, "package_id": "x"}),
        (9, {"asset_id": 9, "package_id": [4]}),
        (9, {"asset_id": 9, "package_id": -4}),
        (9, {"slug": "arrays", "package_id": 4}),
        (9, {"asset_ids": [9], "package_id": 4}),
        (8, {"asset_id": 8, "package_id": 4}),
    ],
)
def test_otherwise_the_asset_stays(number: int, payload: dict[str, Any]) -> None:
    """No number, another way of finding the asset, or a learnpack_id that is set: nothing changes, nothing raises."""
    asset = SCHOOL.asset(number)
    assert asset is not None

    assert adopt_package_id(asset, payload) is None


ids = st.integers(1, 12) | st.sampled_from(["3,5", "9, 8", "1"])
slugs = st.sampled_from(["loops", "old-loops", "maps", "nowhere", "", None])
payloads = st.fixed_dictionaries(
    {},
    optional={
        "asset_id": ids | json_values(),
        "asset_ids": ids,
        "slug": slugs | json_values(),
        "package_slug": slugs,
        "package_id": st.sampled_from([50, "80", 1]) | json_values(),
        "package": json_objects("asset_id", "asset_ids"),
        "payload": st.fixed_dictionaries({"package": json_objects("asset_id")}) | json_values(),
    },
)


@example({"slug": None, "package_slug": "maps", "package_id": 50})
@given(payloads)
def test_both_modes_agree_on_what_the_directory_knows(payload: dict[str, Any]) -> None:
    """Nothing raises; open finds whatever strict finds; strict gives known assets only, under a canonical slug."""
    for resolve in (resolve_batch, lambda *args, strict: resolve_event(args[0], None, args[1], strict=strict)):
        strictly = resolve(payload, SCHOOL, strict=True)
        openly = resolve(payload, SCHOOL, strict=False)

        if strictly is None:
            assert openly is None or openly.asset is None or "slug" in payload
        else:
            assert strictly.asset is not None
            assert SCHOOL.canonical(strictly.asset).slug == strictly.slug
            assert openly is not None
            if openly.asset is not None:
                assert (openly.slug, openly.asset_id, openly.asset) == (
                    strictly.slug,
                    strictly.asset_id,
                    strictly.asset,
                )
    logged = logged_asset_id(payload, SCHOOL, strict=True)
    assert logged is None or SCHOOL.asset(logged) is not None
