"""Translations: which links between assets count, and what a name finds that several have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from schemas.reference.assets import LARGEST_GROUP
from schemas.reference.lookup import Reference
from tests.support.directory import dumps

if TYPE_CHECKING:
    from collections.abc import Callable


def of_assets(*assets: dict[str, Any]) -> Reference:
    """A view of some assets."""
    reference = Reference()
    for asset in assets:
        reference.apply("assets", b"%d" % asset["id"], dumps(asset))
    return reference


def group_of(reference: Reference, number: int) -> list[int]:
    """The ids of an asset's translation group."""
    asset = reference.asset(number)
    assert asset is not None
    return [member.id for member in reference.group(asset)]


def test_translations_are_a_group_whichever_way_they_are_linked() -> None:
    """A link makes both ends translations, and what is linked over a third belongs to the group as well."""
    reference = of_assets(
        {"id": 5, "slug": "us"},
        {"id": 3, "slug": "es", "translations": {"us": "us", "es": "es"}},
        {"id": 4, "slug": "pt", "translations": {"es": "es"}},
        {"id": 1, "slug": "alone", "translations": {"us": "alone", "fr": "not-there"}},
    )

    assert [group_of(reference, number) for number in (5, 3, 4, 1)] == [[3, 4, 5]] * 3 + [[1]]


def test_the_canonical_asset_has_the_lowest_id_of_its_group() -> None:
    """Every member of a group has the same canonical asset, whatever its language."""
    reference = of_assets(
        {"id": 5, "slug": "us", "lang": "us"}, {"id": 3, "slug": "es", "lang": "es", "translations": {"us": "us"}}
    )

    assert {reference.canonical(asset).slug for number in (3, 5) if (asset := reference.asset(number))} == {"es"}


def test_a_group_follows_its_assets() -> None:
    """A group that was asked for changes when a member comes, is renamed, or goes."""
    reference = of_assets({"id": 5, "slug": "us", "translations": {"es": "es"}})
    seen = [group_of(reference, 5)]
    for record in ({"id": 3, "slug": "es"}, {"id": 3, "slug": "other"}, {"id": 3, "slug": "es"}, None):
        reference.apply("assets", b"3", None if record is None else dumps(record))
        seen.append(group_of(reference, 5))

    assert seen == [[5], [3, 5], [5], [3, 5], [5]]


def linked(number: int, slug: str, academy: int | None, *translations: str) -> dict[str, Any]:
    """An asset that names these slugs as its translations."""
    named = {str(index): name for index, name in enumerate(translations)}
    return {"id": number, "slug": slug, "academy": academy, "translations": named}


@pytest.mark.parametrize(
    ("claim", "group"),
    [
        (linked(2, "claimed", 1, "future"), [5]),
        (linked(2, "claimed", 2, "future"), [2, 5]),
        (linked(2, "claimed", None, "future"), [2, 5]),
    ],
)
def test_an_academy_s_link_takes_no_tutorial_of_another_one(claim: dict[str, Any], group: list[int]) -> None:
    """What is of no academy the LMS has written, for itself or for all."""
    reference = of_assets(claim, linked(5, "future", 2))

    assert group_of(reference, 5) == group


def test_an_academy_s_link_takes_no_tutorial_of_none() -> None:
    """Which has translations of its own."""
    reference = of_assets(linked(2, "claimed", 1, "future"), linked(5, "future", None), linked(6, "x", None, "future"))

    assert [group_of(reference, number) for number in (2, 5, 6)] == [[2], [5, 6], [5, 6]]


def test_academies_that_name_each_other_s_tutorial_translate_it_together() -> None:
    """As the LMS writes translations: each has all of them."""
    reference = of_assets(linked(2, "us", 1, "us", "es"), linked(5, "es", 2, "us", "es"), linked(6, "it", 3, "us"))

    assert [group_of(reference, number) for number in (2, 5, 6)] == [[2, 5], [2, 5], [6]]


@pytest.mark.parametrize("academy", [2, None])
def test_a_slug_that_was_taken_beforehand_is_not_what_another_academy_s_link_means(academy: int | None) -> None:
    """Academy 1 has guessed what the translation will be called, and names the tutorial in return."""
    guessed = linked(2, "future-es", 1, "future")
    real = linked(5, "future", academy, "future-es"), linked(6, "future-es", academy, "future")

    assert group_of(of_assets(guessed, *real), 5) == [5, 6]


def test_of_several_with_a_name_one_of_no_academy_is_found_first() -> None:
    """Only the LMS writes those: an academy that was there before has no say."""
    claims = {"academy": 1, "aliases": ["old"], "learnpack_id": 9, "slug": "future"}
    real = {"academy": None, "aliases": ["old"], "learnpack_id": 9, "slug": "future"}
    reference = of_assets({"id": 2, **claims}, {"id": 3, **claims}, {"id": 5, **real}, {"id": 7, **real})

    found = reference.asset_by_slug("future"), reference.asset_by_slug("old"), reference.asset_by_package(9)
    assert [one and one.id for one in found] == [5, 5, 5]
    reference.apply("assets", b"5", None)
    reference.apply("assets", b"7", None)
    assert [one and one.id for one in (reference.asset_by_slug("future"), reference.asset_by_package(9))] == [2, 2]


def test_more_than_a_tutorial_has_languages_are_no_translations() -> None:
    """Each of them is alone, whichever is asked for, until they are few enough."""
    star = [linked(number, f"slug-{number}", 1, "slug-1") for number in range(1, LARGEST_GROUP + 2)]
    reference = of_assets(*star)
    alone = [group_of(reference, number) for number in (1, 2, LARGEST_GROUP)]
    reference.apply("assets", b"3", None)

    assert alone == [[1], [2], [LARGEST_GROUP]]
    assert len(group_of(reference, 2)) == LARGEST_GROUP


CROWD: Final = 10_000


def in_a_star(number: int) -> dict[str, Any]:
    """Names one that all the others name."""
    return linked(number, f"slug-{number}", 1, "slug-0")


def in_a_chain(number: int) -> dict[str, Any]:
    """Names the one before."""
    return linked(number, f"slug-{number}", 1, f"slug-{number - 1}")


def with_all_names(number: int) -> dict[str, Any]:
    """Has what all the others have."""
    names = {"aliases": ["alias", "victim"], "learnpack_id": 9}
    return {**linked(number, "slug-0", 1, "slug-0", "victim"), **names}


@pytest.mark.parametrize("crowd", [in_a_star, in_a_chain, with_all_names])
def test_what_a_crowd_writes_makes_no_lookup_dear(crowd: Callable[[int], dict[str, Any]]) -> None:
    """So many, each asked for as it comes, and others between them: with the square of them this test has no end."""
    reference = of_assets(linked(CROWD + 1, "victim", 2))
    for number in range(CROWD):
        reference.apply("assets", b"%d" % number, dumps(crowd(number)))
        for found in (reference.asset(number), reference.asset_by_slug("victim"), reference.asset_by_package(9)):
            if found is not None:
                assert len(reference.group(found)) <= LARGEST_GROUP
        assert reference.asset_by_slug("slug-0") is not None or number == 0
