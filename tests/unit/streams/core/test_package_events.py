"""Package events and the asset records they change (docs/semantics.md, "Package events")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.errors import Refused
from streams.core.package_events import changed_assets
from tests.support.directory import directory_of
from tests.support.strategies import json_objects, json_values

if TYPE_CHECKING:
    from schemas.reference.lookup import Reference

PUBLISHED = "package_published"
MANIFEST = "package_manifest_updated"
EVENTS = (PUBLISHED, MANIFEST)
NOT_FOUND = "Asset specified by learnpack {} was not found using either the payload 'asset_id' or 'slug'"
NO_MANIFEST = "Impossible to retrieve learnpack manifest from package_manifest_updated payload"


@pytest.fixture
def school() -> Reference:
    """Three assets, the second with a LearnPack id."""
    return directory_of(
        {"id": 1, "slug": "loops", "aliases": ["old-loops"], "difficulty": "EASY"},
        {"id": 2, "slug": "bucles", "learnpack_id": 20, "manifest": {"old": 1}, "config": {"old": 1}},
        {"id": 3, "slug": "maps"},
    )


def changed(school: Reference, event: str, payload: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The fields that an event changes, by asset id."""
    changes = {}
    for asset in changed_assets(event, payload, school):
        before = school.asset(asset.id)
        assert before is not None
        assert before.fields().keys() <= asset.fields().keys()
        changes[asset.id] = {
            name: value for name, value in asset.fields().items() if before.fields().get(name) != value
        }
    return changes


def refusal(school: Reference, event: str, payload: dict[str, Any]) -> str:
    """The text with which an event is refused."""
    with pytest.raises(Refused) as caught:
        changed_assets(event, payload, school)
    assert str(caught.value) == caught.value.text
    return caught.value.text


def test_a_published_package_sets_id_address_manifest_and_config(school: Reference) -> None:
    """All four arrive in the record, and what else it holds stays."""
    payload = {
        "slug": "loops",
        "package_id": 7,
        "payload": {"manifest": {"m": 1}, "package": {"deployment_url": "https://d", "config": {"c": 1}}},
    }

    (asset,) = changed_assets(PUBLISHED, payload, school)

    assert asset.fields() == {
        "id": 1,
        "slug": "loops",
        "aliases": ["old-loops"],
        "difficulty": "EASY",
        "learnpack_id": 7,
        "learnpack_deploy_url": "https://d",
        "manifest": {"m": 1},
        "config": {"c": 1},
    }


def test_a_manifest_update_changes_the_manifest_only(school: Reference) -> None:
    """The other fields of the same payload are left alone."""
    payload = {
        "slug": "loops",
        "package_id": 7,
        "payload": {"manifest": {"m": 1}, "package": {"deployment_url": "https://d", "config": {"c": 1}}},
    }

    assert changed(school, MANIFEST, payload) == {1: {"manifest": {"m": 1}}}


@pytest.mark.parametrize("event", EVENTS)
def test_every_candidate_asset_is_changed(school: Reference, event: str) -> None:
    """All existing candidates change, wherever the ids stand; the slug is not asked then."""
    manifest = {"payload": {"manifest": {"m": 1}}}

    assert changed(school, event, {"asset_id": "3,1,9", "slug": "bucles", **manifest}).keys() == {1, 3}
    assert changed(school, event, {"package": {"asset_ids": [2, 3]}, "slug": "loops", **manifest}).keys() == {2, 3}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(
    ("payload", "number"),
    [
        ({"asset_id": 9, "slug": "old-loops"}, 1),
        ({"package_slug": "bucles"}, 2),
        ({"package": {"package_slug": "maps"}}, 3),
        ({"slug": "none", "package_id": "20"}, 2),
        ({"slug": "none", "package": {"id": 20}}, 2),
        ({"slug": None, "package_id": 20, "package": {"package_slug": "maps"}}, 2),
    ],
)
def test_without_candidates_the_asset_is_found_by_slug_then_package(
    school: Reference, event: str, payload: dict[str, Any], number: int
) -> None:
    """Slug and id may also stand in the package; a key of the root comes first."""
    assert changed(school, event, {**payload, "payload": {"manifest": {"m": 1}}}).keys() == {number}


def test_the_learnpack_id_is_set_only_if_unset(school: Reference) -> None:
    """An id that the asset has stays, and the package's own counts where the root has none."""
    assert changed(school, PUBLISHED, {"slug": "bucles", "package_id": 7}) == {}
    assert changed(school, PUBLISHED, {"slug": "loops", "package": {"id": "7"}}) == {1: {"learnpack_id": 7}}
    assert changed(school, PUBLISHED, {"slug": "loops", "package_id": 7, "package": {"id": 8}}) == {
        1: {"learnpack_id": 7}
    }


@pytest.mark.parametrize(
    ("package", "address"),
    [
        ({"custom_deployment_url": "https://c", "deployment_url": "https://d"}, "https://c"),
        ({"custom_deployment_url": "", "deployment_url": "https://d"}, "https://d"),
        ({"custom_deployment_url": None, "deployment_url": "https://d"}, "https://d"),
        ({"custom_deployment_url": "", "deployment_url": ""}, None),
        ({}, None),
    ],
)
def test_the_custom_address_comes_first(school: Reference, package: dict[str, Any], address: str | None) -> None:
    """An empty address changes nothing."""
    expected = {} if address is None else {1: {"learnpack_deploy_url": address}}

    assert changed(school, PUBLISHED, {"slug": "loops", "package": package}) == expected


def test_the_nested_package_comes_first(school: Reference) -> None:
    """`payload.package` is taken before `package`, which is taken where the first is no object."""
    outer = {"deployment_url": "https://outer"}

    inner = {"package": {"deployment_url": "https://inner"}}
    assert changed(school, PUBLISHED, {"slug": "loops", "payload": inner, "package": outer}) == {
        1: {"learnpack_deploy_url": "https://inner"}
    }
    assert changed(school, PUBLISHED, {"slug": "loops", "payload": {"package": 3}, "package": outer}) == {
        1: {"learnpack_deploy_url": "https://outer"}
    }


@pytest.mark.parametrize("manifest", [None, [], "m", 3])
def test_a_manifest_that_is_no_object_is_none(school: Reference, manifest: Any) -> None:
    """package_published passes it over, package_manifest_updated is refused."""
    payload = {"slug": "bucles", "payload": {"manifest": manifest}, "manifest": {"not": "here"}}

    assert changed(school, PUBLISHED, payload) == {}
    assert refusal(school, MANIFEST, payload) == NO_MANIFEST


def test_an_empty_manifest_is_a_manifest(school: Reference) -> None:
    """An object without keys replaces what was there."""
    assert changed(school, MANIFEST, {"slug": "bucles", "payload": {"manifest": {}}}) == {2: {"manifest": {}}}


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"c": 1}, {"c": 1}),
        ('{"c": 1}', {"c": 1}),
        ({}, {}),
        ("{}", {}),
        ('{"c": NaN, "d": 1e999, "e": 18446744073709551616}', {"c": None, "d": None, "e": 18446744073709551616.0}),
    ],
)
def test_a_config_replaces_the_assets(school: Reference, config: Any, kept: dict[str, Any]) -> None:
    """An object or its JSON text replaces the whole config; numbers that JSON lacks become null."""
    assert changed(school, PUBLISHED, {"slug": "bucles", "package": {"config": config}}) == {2: {"config": kept}}


@pytest.mark.parametrize("config", [None, "", "  ", "[1]", "3", [1], 3])
def test_a_config_that_is_no_object_changes_nothing(school: Reference, config: Any) -> None:
    """Blank text, and JSON of another kind, are no config."""
    assert changed(school, PUBLISHED, {"slug": "bucles", "package": {"config": config}}) == {}


def test_a_repeat_changes_nothing(school: Reference) -> None:
    """What the record says already is not written again."""
    payload = {
        "slug": "bucles",
        "package_id": 20,
        "payload": {"manifest": {"old": 1}, "package": {"config": {"old": 1}}},
    }

    assert changed_assets(PUBLISHED, payload, school) == []
    assert changed_assets(MANIFEST, payload, school) == []


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("x", "Expecting value: line 1 column 1 (char 0)"),
        ("{} {}", "Extra data: line 1 column 4 (char 3)"),
    ],
)
def test_config_text_that_is_no_json_is_refused(school: Reference, config: str, reason: str) -> None:
    """The text gives the reader's reason; a manifest update does not read the config."""
    payload = {"slug": "loops", "package": {"config": config}, "payload": {"manifest": {"m": 1}}}

    assert refusal(school, PUBLISHED, payload) == f"Invalid package.config JSON in package_published payload: {reason}"
    assert changed(school, MANIFEST, payload) == {1: {"manifest": {"m": 1}}}


@pytest.mark.parametrize("depth", [400, 100_000])
def test_config_text_that_is_nested_too_deeply_is_refused(school: Reference, depth: int) -> None:
    """What cannot be stored is no config either."""
    config = '{"a":' * depth + "1" + "}" * depth

    text = refusal(school, PUBLISHED, {"slug": "loops", "package": {"config": config}})
    assert text.startswith("Invalid package.config JSON in package_published payload: ")


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(
    "payload",
    [
        {"slug": "none"},
        {"slug": "none", "asset_id": 9, "package_id": 9},
        {"slug": None, "package": {"package_slug": "maps"}},
        {"slug": "none", "payload": {"manifest": 3, "package": {"config": "{"}}},
        {"slug": "none", "package_id": "x"},
    ],
)
def test_an_asset_that_is_not_found_is_refused_first(school: Reference, event: str, payload: dict[str, Any]) -> None:
    """Whatever else is wrong, a missing asset is what the text says, and it names the event."""
    assert refusal(school, event, payload) == NOT_FOUND.format(event)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(("sent", "text"), [("x", "x"), ("1.5", "1.5"), ([1], "[1]"), ("", "")])
def test_a_package_id_that_is_no_number_is_refused(school: Reference, event: str, sent: Any, text: str) -> None:
    """The text names the event and the value as sent, from the root or from the package."""
    expected = f"Invalid package_id in {event} payload: {text}"

    assert refusal(school, event, {"slug": "loops", "package_id": sent}) == expected
    assert refusal(school, event, {"slug": "loops", "package": {"id": sent}}) == expected


texts = st.sampled_from(["loops", "old-loops", "none", "", "{}", "{", "https://d"])
packages = st.fixed_dictionaries(
    {},
    optional={
        "asset_id": st.integers(1, 4),
        "package_slug": texts,
        "id": st.integers(18, 22) | json_values(),
        "config": texts | json_values(),
        "deployment_url": texts | json_values(),
    },
)
payloads = st.fixed_dictionaries(
    {"slug": texts | json_values()},
    optional={
        "asset_id": st.integers(1, 4),
        "package_id": st.integers(18, 22) | json_values(),
        "package": packages,
        "payload": st.fixed_dictionaries(
            {}, optional={"package": packages, "manifest": json_objects("a") | json_values()}
        ),
    },
)


@given(st.sampled_from(EVENTS), payloads)
def test_any_package_event_is_carried_out_or_refused(event: str, payload: dict[str, Any]) -> None:
    """Any payload that JSON can carry gives records that validate or a Refused; a repeat then changes nothing."""
    try:
        payload = orjson.loads(orjson.dumps(payload))
    except orjson.JSONEncodeError:
        return
    reference = directory_of(
        {"id": 1, "slug": "loops", "aliases": ["old-loops"]}, {"id": 2, "slug": "b", "learnpack_id": 20}
    )
    try:
        assets = changed_assets(event, payload, reference)
    except Refused as refused:
        assert refused.text  # noqa: PT017 - either way is an outcome
        return
    for asset in assets:
        reference.apply("assets", asset.key, asset.value)
    assert changed_assets(event, payload, reference) == []
