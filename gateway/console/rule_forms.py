"""Ignore rules as sentences, as fields of a form, and back."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.console.words import say
from schemas.coercion import digits_as_id
from schemas.reference.rules import FIELDS, OF_IDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.vocabulary import Language

__all__ = ["LEGACY", "draft_of", "fields_of", "indented", "mark_of", "sentences"]

# How the fields of the form are named that stand for the legacy lists.
LEGACY: Final = "any"

_MOST_RULES: Final = 200
_MOST_VALUES: Final = 12


def sentences(language: Language, rules: Mapping[str, Any]) -> list[str]:
    """What rules (schemas.reference.rules.validate) do, a sentence for each; legacy lists are one each."""
    levels = [*rules.get("rules", ()), *({name: rules[name]} for name in FIELDS if name in rules)]
    return [_sentence(language, level) for level in levels]


def _sentence(language: Language, rule: Mapping[str, Any]) -> str:
    if not all(rule.values()):
        return say(language, "rules.nothing")
    parts = [say(language, f"rules.of.{name}", values=_listed(rule[name])) for name in FIELDS if name in rule]
    return say(language, "rules.ignores", which=say(language, "rules.and").join(parts))


def _listed(values: list[Any]) -> str:
    shown = ", ".join(map(str, values[:_MOST_VALUES]))
    return shown if len(values) <= _MOST_VALUES else f"{shown}, … ({len(values)})"


def fields_of(rules: Mapping[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """The rows of the form: the name that its fields begin with, and the text of each; an empty one comes last.

    Legacy lists are a row of their own, if there are any.
    """
    levels = [(str(number), rule) for number, rule in enumerate(rules.get("rules", ()))]
    rows = [*levels, (str(len(levels)), {})]
    if any(name in rules for name in FIELDS):
        rows.append((LEGACY, {name: rules[name] for name in FIELDS if name in rules}))
    return [(row, {name: ", ".join(map(str, rule.get(name, ()))) for name in FIELDS}) for row, rule in rows]


def draft_of(form: Mapping[str, str]) -> dict[str, Any]:
    """The rules that the form's fields say, not validated; what is no id is kept as a text, so that it is warned of."""
    rules = [lists for number in range(_MOST_RULES) if (lists := _lists(form, str(number)))]
    return {**({"rules": rules} if rules else {}), **_lists(form, LEGACY)}


def _lists(form: Mapping[str, str], row: str) -> dict[str, list[Any]]:
    lists = {}
    for name in FIELDS:
        words = [word for part in form.get(f"{row}-{name}", "").split(",") if (word := part.strip())]
        if words:
            lists[name] = [_value(name, word) for word in words]
    return lists


def _value(name: str, word: str) -> Any:
    number = digits_as_id(word) if name in OF_IDS else None
    return word if number is None else number


def indented(rules: Any) -> str:
    """Rules as people write them."""
    return orjson.dumps(rules, option=orjson.OPT_INDENT_2).decode()


def mark_of(rules: Mapping[str, Any]) -> str:
    """What tells rules from others: whoever saves says which ones he has seen."""
    return blake2b(orjson.dumps(rules, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
