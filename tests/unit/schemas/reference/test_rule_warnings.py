"""Doubts about ignore rules: what an admin probably did not mean."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from schemas.reference.rule_warnings import refuse_unknown_keys, rule_warnings
from schemas.reference.rules import RulesError, validate
from tests.support.strategies import json_objects


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({"rule": []}, ["`rule` is no field of ignore rules and is left out; did you mean `rules`?"]),
        (
            {"rules": [{"user_ids": [1], "event": ["batch"]}]},
            [
                (
                    "`rules[0].event` is no field of ignore rules and is left out; its rule matches more without it; "
                    "did you mean `events`?"
                )
            ],
        ),
        (
            {"packge_slugs": ["x"]},
            ["`packge_slugs` is no field of ignore rules and is left out; did you mean `package_slugs`?"],
        ),
        (
            {"rules": [{"package_ids": [1]}]},
            [
                (
                    "`rules[0].package_ids` is no field of ignore rules and is left out; "
                    "did you mean `learnpack_package_ids`?"
                ),
                "`rules[0]` has no field and is left out.",
            ],
        ),
        ({"color": 3}, ["`color` is no field of ignore rules and is left out."]),
        ({"rules": [{}]}, ["`rules[0]` has no field and is left out."]),
        (
            {"rules": [{"user_ids": None, "events": ["test"]}]},
            ["`rules[0].user_ids` is null and is left out; its rule matches more without it."],
        ),
        ({"events": []}, ["`events` is empty and matches nothing."]),
        (
            {"rules": [{"user_ids": [1], "events": [" batch ", "test"]}]},
            ['`rules[0].events[0]`: batches carry no event, so " batch " matches only those that say they are one.'],
        ),
        ({"events": ["bacth"]}, ['`events[0]`: LearnPack sends no event "bacth"; did you mean `batch`?']),
        ({"events": ["test", "Compile"]}, ['`events[1]`: LearnPack sends no event "Compile"; did you mean `compile`?']),
        (
            {"user_ids": [1, "ada", True, -3]},
            ['`user_ids[1]` is "ada", which is no id and matches nothing (and 2 more).'],
        ),
        ({"asset_ids": [[1]]}, ["`asset_ids[0]` is a list, which is no id and matches nothing."]),
        ({"package_slugs": ["a", 3, " "]}, ["`package_slugs[1]` is 3, which is no text (and 1 more)."]),
    ],
)
def test_what_is_probably_not_meant_is_named(body: Any, texts: list[str]) -> None:
    """Each doubt says where it is, what is there, and what was perhaps meant."""
    validate(body)

    assert [warning.text() for warning in rule_warnings(body)] == texts


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"rules": []},
        {"rules": None, "user_ids": None} | {"user_ids": [1]},
        {
            "rules": [{"events": ["test"], "learnpack_package_ids": [13190]}, {"user_ids": [" 12 ", 3]}],
            "asset_ids": ["9"],
            "package_slugs": ["hello"],
        },
    ],
)
def test_rules_that_mean_what_they_say_raise_no_doubt(body: Any) -> None:
    """Documented rules, ids as text included, are taken in silence."""
    assert [warning for warning in rule_warnings(body) if warning.kind != "null-field"] == []


def test_doubts_are_in_spanish_too() -> None:
    """The HTTP API answers in both languages."""
    texts = [warning.text("es") for warning in rule_warnings({"rule": [], "user_ids": ["ada", "bob"]})]

    assert texts == [
        "`rule` no es un campo de las reglas y se omite; ¿quiso decir `rules`?",
        '`user_ids[0]` es "ada", que no es un id (y 1 más).',
    ]


@given(json_objects("rules", "rule", "events", "user_ids", "package_slugs", "\n"))
def test_any_object_is_judged(body: Any) -> None:
    """Whatever an object holds, each doubt about it is one short line, and only unknown keys are refused."""
    try:
        validate(body)
    except RulesError:
        return
    warnings = rule_warnings(body)

    assert all("\n" not in warning.text() and len(warning.text()) < 400 for warning in warnings)
    if any(warning.kind == "unknown-key" for warning in warnings):
        with pytest.raises(ValueError, match="is no field of ignore rules, so nothing of the record"):
            refuse_unknown_keys(body)
    else:
        refuse_unknown_keys(body)
