"""Ignore rules: what PUT accepts and what matches (docs/semantics.md, "Ignore rules")."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.coercion import as_integers
from schemas.reference.rules import FIELDS, Rules, RulesError, validate
from tests.support.strategies import json_objects, json_values

RULE = "Ignored by academy learnpack_features.telemetry_webhook_ignore rule ({})."
LEGACY = "Ignored by academy learnpack_features.telemetry_webhook_ignore ({})."
PAYLOAD = {"user_id": 42, "package_id": "7", "package_slug": "pack", "slug": "step", "asset_id": "9,5", "event": "test"}
# Lists that match PAYLOAD, whose asset_id resolves to 5.
MATCHING: dict[str, list[Any]] = {
    "user_ids": [1, " 42 "],
    "learnpack_package_ids": [7],
    "package_slugs": ["pack"],
    "asset_ids": ["5"],
    "events": ["test"],
}
OTHER: dict[str, list[Any]] = {
    "user_ids": [1],
    "learnpack_package_ids": [8],
    "package_slugs": ["other"],
    "asset_ids": [9],
    "events": ["batch"],
}


def lowest(value: Any) -> int | None:
    """Resolve as a directory would that knows every asset, none of them English."""
    return min(as_integers(value), default=None)


def match(rules: Any, payload: Any = PAYLOAD) -> str | None:
    """The verdict on a payload under a rules object as an admin writes it."""
    return Rules.compile(validate(rules)).match(payload, lowest)


@pytest.mark.parametrize("body", [[], "x", 3, False])
def test_a_body_that_is_not_an_object_is_refused(body: Any) -> None:
    """PUT takes an object or null."""
    with pytest.raises(RulesError) as caught:
        validate(body)

    assert caught.value.slug == "invalid-telemetry-webhook-ignore-body"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"rules": {}}, "`rules` must be a list"),
        ({"rules": False}, "`rules` must be a list"),
        ({"rules": [{}, {}, 3]}, "`rules[2]` must be an object"),
        ({"rules": [None]}, "`rules[0]` must be an object"),
        ({"rules": [{"events": "test"}]}, "`events` must be a list"),
        ({"events": "test"}, "`events` must be a list"),
        ({"user_ids": 3}, "`user_ids` must be a list"),
        ({"learnpack_package_ids": {}}, "`learnpack_package_ids` must be a list"),
        ({"package_slugs": "a"}, "`package_slugs` must be a list"),
        ({"asset_ids": True}, "`asset_ids` must be a list"),
        ({"rules": "x", "events": "y"}, "`rules` must be a list"),
        ({"rules": [{}] * 1001}, "`rules` must be a list of at most 1000 rules"),
    ],
)
def test_a_field_of_the_wrong_type_is_refused_by_name(body: Any, text: str) -> None:
    """`rules` and fields are lists and a rule is an object; the text names the first that is not, rules first."""
    with pytest.raises(RulesError) as caught:
        validate(body)

    assert caught.value.slug == "invalid-telemetry-webhook-ignore-field"
    assert caught.value.text == str(caught.value) == text


def test_as_many_rules_as_a_worker_holds_against_each_webhook_are_taken() -> None:
    """Everybody's webhooks wait for them."""
    assert len(validate({"rules": [{"user_ids": [1]}] * 1000})["rules"]) == 1000


def test_null_is_no_rules() -> None:
    """A body of null is the empty object."""
    assert validate(None) == {}


def test_what_does_not_matter_is_dropped_and_items_are_kept_as_sent() -> None:
    """Null fields, unknown keys and empty rules go; list items stay whatever they are."""
    items = [1, "2", None, True, {"a": []}]
    body = {
        "rules": [{}, {"events": None}, {"unknown": [1]}, {"events": items, "asset_ids": None, "x": 1}],
        "user_ids": items,
        "events": None,
        "unknown": 5,
    }

    assert validate(body) == {"rules": [{"events": items}], "user_ids": items}


def test_rules_that_are_all_empty_leave_an_empty_list() -> None:
    """`rules` that was given is kept, null is not."""
    assert validate({"rules": [{}]}) == {"rules": []}
    assert validate({"rules": None}) == {}


@pytest.mark.parametrize("field", FIELDS)
def test_one_matching_field_of_a_rule_is_named(field: str) -> None:
    """A rule with one field matches by it, and its text names it."""
    assert match({"rules": [{field: MATCHING[field]}]}) == RULE.format(field)


def test_a_rule_names_its_fields_in_the_documented_order() -> None:
    """The text lists all fields of the rule in the order of the documentation, not of the rule."""
    rule = dict(reversed(MATCHING.items()))

    assert match({"rules": [rule]}) == RULE.format("user_ids,learnpack_package_ids,package_slugs,asset_ids,events")


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_a_rule_must_match(field: str) -> None:
    """One field that does not match spares the webhook from the rule."""
    assert match({"rules": [MATCHING | {field: OTHER[field]}]}) is None


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("values", [[], [None], [True], [""], [" "]])
def test_a_field_without_usable_items_matches_nothing(field: str, values: list[Any]) -> None:
    """A field that is present with an empty list, or with nothing usable in it, matches nothing."""
    assert match({"rules": [{field: values}]}, {}) is None
    assert match({"rules": [{field: values}]}) is None
    assert match({"rules": [MATCHING | {field: values}]}) is None
    assert match({field: values}) is None


def test_the_first_matching_rule_wins() -> None:
    """Rules are tried in order."""
    rules = [{"user_ids": [1]}, {"events": ["test"]}, {"user_ids": [42]}]

    assert match({"rules": rules}) == RULE.format("events")


def test_rules_come_before_legacy_fields() -> None:
    """A rule that matches is reported even where a legacy field matches too."""
    assert match({"user_ids": [42], "rules": [{"events": ["test"]}]}) == RULE.format("events")


def test_legacy_fields_are_tried_where_no_rule_matches() -> None:
    """Both shapes may stand together."""
    assert match({"user_ids": [42], "rules": [{"events": ["batch"]}]}) == LEGACY.format("user_ids")


@pytest.mark.parametrize("field", FIELDS)
def test_one_legacy_field_is_enough(field: str) -> None:
    """Any legacy field that matches is enough, whatever the others say, and its text names it alone."""
    assert match(OTHER | {field: MATCHING[field]}) == LEGACY.format(field)


def test_legacy_fields_are_tried_in_the_documented_order() -> None:
    """Of several matching legacy fields the first of the documented order is named."""
    fields = dict(MATCHING)
    named = []
    while fields:
        named.append(match(dict(reversed(fields.items()))))
        del fields[next(iter(fields))]

    assert named == [LEGACY.format(field) for field in FIELDS]


@pytest.mark.parametrize("sent", [42, "42", " 42 "])
@pytest.mark.parametrize("wanted", [42, "42", " 42 "])
def test_user_ids_match_as_numbers_or_digits(sent: Any, wanted: Any) -> None:
    """On both sides an id may be an integer or digits with blanks around."""
    assert match({"user_ids": [wanted]}, {"user_id": sent}) == LEGACY.format("user_ids")


@pytest.mark.parametrize(
    ("sent", "wanted"), [(True, 1), (1, True), (-1, -1), ("-1", -1), (1.0, 1), ("²", "²"), ([1], 1)]
)
def test_user_ids_that_are_no_ids_never_match(sent: Any, wanted: Any) -> None:
    """Booleans, negative numbers, fractions and odd digits match nothing, and nothing raises."""
    assert match({"user_ids": [wanted]}, {"user_id": sent}) is None


@pytest.mark.parametrize("sent", [7, "7", " 7 ", 7.9, "+7", "0_7"])
def test_package_ids_are_read_as_int_does(sent: Any) -> None:
    """The payload's `package_id` goes through int(), unlike the rule's items."""
    assert match({"learnpack_package_ids": ["7"]}, {"package_id": sent}) == LEGACY.format("learnpack_package_ids")


@pytest.mark.parametrize("sent", [None, "x", "7.0", [], {}, float("inf")])
def test_package_ids_that_are_no_numbers_never_match(sent: Any) -> None:
    """What int() does not take matches nothing."""
    assert match({"learnpack_package_ids": [7, 0]}, {"package_id": sent}) is None


@pytest.mark.parametrize("key", ["package_slug", "slug"])
@pytest.mark.parametrize(("sent", "wanted"), [("a", "a"), (" a ", "a"), ("a", " a "), (12, "12"), ("12", 12)])
def test_slugs_match_either_key_as_trimmed_text(key: str, sent: Any, wanted: Any) -> None:
    """Both slugs of the payload are compared, trimmed, as strings."""
    assert match({"package_slugs": [wanted]}, {key: sent}) == LEGACY.format("package_slugs")


def test_slugs_are_case_sensitive() -> None:
    """Another case is another slug."""
    assert match({"package_slugs": ["A"]}, {"slug": "a"}) is None


def test_asset_ids_match_the_resolved_root_id() -> None:
    """Only what the root `asset_id` resolves to counts, not every candidate, nor `asset_ids` or a package's."""
    payload = {"asset_id": "9,5"}

    assert match({"asset_ids": [5]}, payload) == LEGACY.format("asset_ids")
    assert match({"asset_ids": [9]}, payload) is None
    assert match({"asset_ids": [5]}, {"asset_ids": [5], "package": {"asset_id": 5}}) is None


def test_the_asset_is_resolved_at_most_once_and_only_if_a_rule_asks() -> None:
    """Looking the asset up is left out wherever it cannot matter."""
    asked = []

    def resolve(value: Any) -> int:
        asked.append(value)
        return 5

    compiled = Rules.compile(validate({"rules": [{"user_ids": [1], "asset_ids": [5]}, {"events": ["batch"]}]}))
    assert compiled.match(PAYLOAD, resolve) is None
    assert asked == []

    twice = Rules.compile(validate({"rules": [{"asset_ids": [1]}, {"asset_ids": [5]}]}))
    assert twice.match(PAYLOAD, resolve) == RULE.format("asset_ids")
    assert asked == ["9,5"]


def test_events_match_as_trimmed_text() -> None:
    """The payload's event and the rule's are trimmed."""
    assert match({"events": [" test"]}, {"event": "test "}) == LEGACY.format("events")


def test_a_plain_batch_never_matches_an_event() -> None:
    """A document without the key `event` matches no `events`, not even `batch`; one that says batch does."""
    assert match({"events": ["batch"]}, {"slug": "a"}) is None
    assert match({"events": ["batch"]}, {"event": None}) is None
    assert match({"events": ["batch"]}, {"event": "batch"}) == LEGACY.format("events")


@given(json_objects("user_id", "package_id", "slug", "event", "asset_id"))
def test_an_empty_rule_matches_nothing(payload: dict[str, Any]) -> None:
    """A rule without fields that reaches the topic is dropped: it must not match everything."""
    assert Rules.compile({"rules": [{}, {"unknown": [1]}]}).match(payload, lowest) is None


# Few enough that rules and payloads meet often.
common = st.sampled_from([1, "1", " 1", 2, "2", "1,2", "a", " a ", "test", None, True])
items = common | json_values()
levels = st.fixed_dictionaries({}, optional={name: st.lists(items, max_size=3) for name in FIELDS})
rule_objects = levels | st.builds(lambda level, rules: level | {"rules": rules}, levels, st.lists(levels, max_size=4))
payloads = st.dictionaries(
    st.sampled_from(["user_id", "package_id", "package_slug", "slug", "asset_id", "event"]), items
)


@given(rule_objects, payloads)
def test_random_rules_on_random_payloads(rules: dict[str, Any], payload: dict[str, Any]) -> None:
    """Nothing raises, cleaning twice changes nothing, and each rule alone tells what all of them tell together."""
    cleaned = validate(rules)
    alone = [Rules.compile({"rules": [rule]}).match(payload, lowest) for rule in cleaned.get("rules", [])]
    legacy = [Rules.compile({name: cleaned[name]}).match(payload, lowest) for name in FIELDS if name in cleaned]
    verdicts = [verdict for verdict in (*alone, *legacy) if verdict is not None]

    assert validate(cleaned) == cleaned
    assert Rules.compile(cleaned).match(payload, lowest) == (verdicts[0] if verdicts else None)
    assert all(RULE.partition("(")[0] in verdict for verdict in alone if verdict is not None)


@given(json_values())
def test_any_body_is_cleaned_or_refused(body: Any) -> None:
    """PUT never fails otherwise, and what it stores has no other keys."""
    try:
        cleaned = validate(body)
    except RulesError as error:
        assert error.slug.startswith("invalid-telemetry-webhook-ignore-")  # noqa: PT017 - either way is an outcome
    else:
        assert set(cleaned) <= {"rules", *FIELDS}
