"""Ignore rules as sentences, as fields of a form, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from gateway.console.words import say
from schemas.coercion import digits_as_id
from schemas.reference.rules import FIELDS, OF_IDS
from schemas.vocabulary import ignored_by_legacy, ignored_by_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from schemas.vocabulary import Language

    # What a student of a rule is called, by what stands in the rule.
    Called = Callable[[Any], str]

__all__ = [
    "LEGACY",
    "Difference",
    "difference",
    "draft_of",
    "fields_of",
    "fits_form",
    "indented",
    "names_students",
    "numbers_by_text",
    "sentences",
]

# How the fields of the form are named that stand for the legacy lists.
LEGACY: Final = "any"

# A page of more is no form that anybody fills in.
_MOST_RULES: Final = 200
_MOST_VALUES: Final = 12
_FIELD: Final = re.compile(f"([0-9]{{1,6}}|{LEGACY})-({'|'.join(FIELDS)})")


def _levels(rules: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Each rule, and each legacy list as the rule that it is."""
    return [*rules.get("rules", ()), *({name: rules[name]} for name in FIELDS if name in rules)]


def sentences(language: Language, rules: Mapping[str, Any], called: Called | None = None) -> list[str]:
    """What rules (schemas.reference.rules.validate) do, a sentence for each; legacy lists are one each.

    Students are named by `called`, else by their ids.
    """
    return [_sentence(language, level, called) for level in _levels(rules)]


def _sentence(language: Language, rule: Mapping[str, Any], called: Called | None) -> str:
    if not all(rule.values()):
        return say(language, "rules.nothing")
    parts = [
        say(language, f"rules.of.{name}", values=_listed(_named(name, rule[name], called)))
        for name in FIELDS
        if name in rule
    ]
    return say(language, "rules.ignores", which=say(language, "rules.and").join(parts))


def _named(name: str, values: list[Any], called: Called | None) -> list[str]:
    if called is None or name != "user_ids":
        return list(map(str, values))
    return list(map(called, values))


def _listed(values: list[str]) -> str:
    shown = ", ".join(values[:_MOST_VALUES])
    return shown if len(values) <= _MOST_VALUES else f"{shown}, … ({len(values)})"


def numbers_by_text(rules: Mapping[str, Any]) -> dict[str, str]:
    """By the text that the log has of a rule: the numbers of those that it may be, as `sentences` are in order."""
    listed = [ignored_by_rule(name for name in FIELDS if name in rule) for rule in rules.get("rules", ())]
    numbers: dict[str, list[str]] = {}
    for number, text in enumerate([*listed, *(ignored_by_legacy(name) for name in FIELDS if name in rules)], 1):
        numbers.setdefault(text, []).append(str(number))
    return {text: ", ".join(those) for text, those in numbers.items()}


def names_students(rules: Mapping[str, Any]) -> bool:
    """Whether any rule is about students by their ids."""
    return any("user_ids" in level for level in _levels(rules))


class Difference(NamedTuple):
    """The rules that other ones lack, and those that they have beside, as sentences."""

    gone: list[str]
    new: list[str]


def difference(
    language: Language, before: Mapping[str, Any], after: Mapping[str, Any], called: Called | None = None
) -> Difference:
    """What becomes of rules where others take their place; the order of rules is none."""
    old, new = map(_by_text, (before, after))
    return Difference(
        [_sentence(language, old[text], called) for text in old if text not in new],
        [_sentence(language, new[text], called) for text in new if text not in old],
    )


def _by_text(rules: Mapping[str, Any]) -> dict[bytes, Mapping[str, Any]]:
    # By kind as well: in a rule and as a legacy list the same texts stand for another verdict.
    legacy = {_text(("any", {name: rules[name]})): {name: rules[name]} for name in FIELDS if name in rules}
    return {**{_text(("rule", rule)): rule for rule in rules.get("rules", ())}, **legacy}


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def fits_form(rules: Mapping[str, Any]) -> bool:
    """Whether the form shows all of these rules: filled with them and sent as it is, it says the very same.

    A text with a comma, an id that is written as a text, an empty list or what is no scalar it cannot show, and a rule
    without them would be a wider one; nor more rules than anybody looks through.
    """
    if len(rules.get("rules", ())) > _MOST_RULES:
        return False
    form = {f"{row}-{name}": text for row, values in fields_of(rules) for name, text in values.items()}
    return _text({"rules": [], **draft_of(form)}) == _text({"rules": [], **rules})


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
    rows: dict[str, dict[str, list[Any]]] = {}
    for row, name, values in sorted(_filled(form), key=lambda field: (len(field[0]), field[0], FIELDS.index(field[1]))):
        rows.setdefault(row, {})[name] = values
    legacy = rows.pop(LEGACY, {})
    rules = list(rows.values())
    return {**({"rules": rules} if rules else {}), **legacy}


def _filled(form: Mapping[str, str]) -> Iterator[tuple[str, str, list[Any]]]:
    """Row, name and values of each field that says anything."""
    for field, text in form.items():
        match = _FIELD.fullmatch(field)
        words = [word for part in text.split(",") if (word := part.strip())]
        if match is not None and words:
            yield match[1], match[2], [_value(match[2], word) for word in words]


def _value(name: str, word: str) -> Any:
    number = digits_as_id(word) if name in OF_IDS else None
    return word if number is None else number


def indented(rules: Any) -> str:
    """Rules as people write them."""
    return orjson.dumps(rules, option=orjson.OPT_INDENT_2).decode()
