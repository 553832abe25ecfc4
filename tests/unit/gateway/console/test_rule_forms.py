"""Ignore rules as sentences and as fields of a form."""

from __future__ import annotations

from typing import Any, Final

import pytest

from gateway.console.rule_forms import (
    LEGACY,
    difference,
    draft_of,
    fields_of,
    fits_form,
    indented,
    names_students,
    numbers_by_text,
    sentences,
)

RULES: Final[dict[str, Any]] = {
    "rules": [{"learnpack_package_ids": [13190], "events": ["batch", "test"]}, {"user_ids": [1, 2]}],
    "package_slugs": ["intro"],
}


def test_a_rule_is_a_sentence() -> None:
    """With all of its fields; a legacy list is one of its own."""
    assert sentences("en", RULES) == [
        "Ignores webhooks of the packages 13190 and with the event batch, test.",
        "Ignores webhooks of the students 1, 2.",
        "Ignores webhooks of tutorials called intro.",
    ]
    assert sentences("es", RULES)[1] == "Ignora los webhooks de los estudiantes 1, 2."
    assert sentences("en", {}) == []


def test_what_matches_nothing_says_so_and_long_lists_are_cut() -> None:
    """A list without an item matches nothing."""
    assert sentences("en", {"rules": [{"user_ids": []}]}) == ["A rule whose lists are empty, which matches nothing."]
    assert sentences("en", {"user_ids": list(range(100))})[0].endswith("10, 11, … (100).")


def test_a_form_gives_the_rules_that_it_was_filled_with() -> None:
    """There and back, with an empty row for one more."""
    rows = fields_of(RULES)
    form = {f"{row}-{name}": text for row, values in rows for name, text in values.items()}

    assert [row for row, _ in rows] == ["0", "1", "2", LEGACY]
    assert draft_of(form) == RULES
    assert draft_of({f"{row}-{name}": text for row, values in fields_of({}) for name, text in values.items()}) == {}


def test_what_is_no_id_stays_for_a_warning() -> None:
    """Nothing that was typed is lost without a word."""
    assert draft_of({"0-user_ids": " 7 , x,,8 ", "5-events": "test"}) == {
        "rules": [{"user_ids": [7, "x", 8]}, {"events": ["test"]}]
    }


@pytest.mark.parametrize(
    ("rules", "fits"),
    [
        ({}, True),
        ({"rules": []}, True),
        (RULES, True),
        ({"rules": [{"user_ids": [7, "x"]}]}, True),
        ({"rules": [{"user_ids": ["7"]}]}, False),
        ({"rules": [{"user_ids": [True]}]}, False),
        ({"rules": [{"user_ids": [None, 7]}]}, False),
        ({"rules": [{"user_ids": [7], "events": []}]}, False),
        ({"rules": [{"package_slugs": ["one, two"]}]}, False),
        ({"rules": [{"package_slugs": [" intro"]}]}, False),
        ({"rules": [{"package_slugs": [{"a": 1}]}]}, False),
        ({"package_slugs": [["intro"]]}, False),
        ({"rules": [{"user_ids": [number]} for number in range(200)]}, True),
        ({"rules": [{"user_ids": [number]} for number in range(201)]}, False),
    ],
)
def test_the_form_is_for_rules_that_it_can_show(rules: dict[str, Any], fits: bool) -> None:  # noqa: FBT001
    """Sent as it was filled, it says the very same rules, or is not offered: else a rule would become a wider one."""
    form = {f"{row}-{name}": text for row, values in fields_of(rules) for name, text in values.items()}

    assert fits_form(rules) is fits
    if fits:
        assert {"rules": [], **draft_of(form)} == {"rules": [], **rules}


def test_no_rule_of_a_form_is_left_out() -> None:
    """However many there are, in the order of their rows."""
    form = {f"{number}-user_ids": str(number) for number in reversed(range(1_000))}

    assert draft_of(form) == {"rules": [{"user_ids": [number]} for number in range(1_000)]}
    assert draft_of({"x-user_ids": "1", "0-usr_ids": "1", "user_ids": "1"}) == {}


def test_what_becomes_of_rules_is_said() -> None:
    """By rule, whatever their order; a legacy list is another rule than one of the same texts."""
    changed = {"rules": [{"user_ids": [1, 2]}, {"package_slugs": ["intro"]}], "events": ["test"]}

    assert difference("en", RULES, changed) == (
        [
            "Ignores webhooks of the packages 13190 and with the event batch, test.",
            "Ignores webhooks of tutorials called intro.",
        ],
        ["Ignores webhooks of tutorials called intro.", "Ignores webhooks with the event test."],
    )
    assert difference("en", RULES, {**RULES, "rules": RULES["rules"][::-1]}) == ([], [])


def test_students_of_rules_may_be_called_otherwise() -> None:
    """Ids tell who is meant, so pages that hide names call students as everywhere."""
    shown = sentences("en", {"rules": [{"user_ids": [71, "x", " 72 "]}]}, lambda value: f"Student {value}")

    assert shown == ["Ignores webhooks of the students Student 71, Student x, Student  72 ."]
    assert names_students(RULES)
    assert not names_students({"rules": [{"events": ["test"]}], "package_slugs": ["intro"]})


def test_rules_are_written_as_people_write_them() -> None:
    """With indents."""
    assert indented({"rules": []}) == '{\n  "rules": []\n}'


def test_rules_are_numbered_by_what_the_log_says_of_them() -> None:
    """As their sentences are; rules of the same fields have one text."""
    rules = {"rules": [{"events": ["a"]}, {"user_ids": [1]}, {"events": ["b"]}], "package_slugs": ["intro"]}

    assert list(numbers_by_text(rules).values()) == ["1, 3", "2", "4"]
    assert numbers_by_text({}) == {}
