"""Ignore rules as sentences and as fields of a form."""

from __future__ import annotations

from typing import Any, Final

from gateway.console.rule_forms import LEGACY, draft_of, fields_of, indented, mark_of, sentences

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


def test_rules_are_told_apart_whatever_their_order() -> None:
    """Who saves says which rules he saw."""
    assert mark_of({"a": 1, "b": 2}) == mark_of({"b": 2, "a": 1})
    assert mark_of(RULES) != mark_of({})
    assert indented({"rules": []}) == '{\n  "rules": []\n}'
