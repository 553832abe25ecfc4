"""Ignore rules of an academy: which webhooks it does not want processed (docs/semantics.md, "Ignore rules").

`{"rules": [rule…], …}`: a rule holds lists by field, and all of its fields must match; beside the rules, the legacy
fields stand at the top level, where one is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from schemas.coercion import as_id, as_integer, as_text
from schemas.vocabulary import ignored_by_legacy, ignored_by_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FIELDS", "MOST_RULES", "OF_IDS", "TEXTS", "Known", "Rules", "RulesError", "about_tutorials", "validate"]

# Each webhook of the academy is held against all of them, by the worker that everybody shares.
MOST_RULES: Final = 1_000

# The order in which texts name them and legacy fields are tried.
FIELDS: Final = ("user_ids", "learnpack_package_ids", "package_slugs", "asset_ids", "events")

# Those of FIELDS whose items are ids; the others' are texts.
OF_IDS: Final = frozenset({"user_ids", "learnpack_package_ids", "asset_ids"})
_OF_TUTORIALS: Final = frozenset({"learnpack_package_ids", "package_slugs", "asset_ids"})


# What is wrong with a rules object, in English; callers over HTTP may read it in another language (gateway.messages).
TEXTS: Final = {
    "invalid-telemetry-webhook-ignore-body": "The ignore rules must be a JSON object.",
    "invalid-telemetry-webhook-ignore-field": "`{field}` must be {expected}",
}


class RulesError(ValueError):
    """A rules object does not validate; `slug` and `values` say why in any language, `text` in English.

    `place` is where: `rules[2].events`, whose name alone is in the text, as the LMS writes it.
    """

    def __init__(self, slug: str, place: str = "", **values: str) -> None:
        self.slug = slug
        self.values = values
        self.place = place
        self.text = TEXTS[slug].format(**values)
        super().__init__(self.text)


def validate(body: Any) -> dict[str, Any]:
    """Clean a rules object as PUT stores and returns it.

    Null becomes `{}`; null fields, unknown keys and empty rules are dropped; list items are kept as sent. Raises
    RulesError for a body that is not an object, `rules` that is not a list or has more than MOST_RULES, a rule that is
    not an object and a field that is not a list.
    """
    if body is None:
        return {}
    if not isinstance(body, dict):
        slug = "invalid-telemetry-webhook-ignore-body"
        raise RulesError(slug)
    rules = body.get("rules")
    if rules is None:
        return _lists(body)
    if not isinstance(rules, list):
        _refuse("rules", "a list")
    if len(rules) > MOST_RULES:
        _refuse("rules", f"a list of at most {MOST_RULES} rules")
    cleaned = []
    for index, rule in enumerate(rules):
        if not isinstance(rule, dict):
            _refuse(f"rules[{index}]", "an object")
        if lists := _lists(rule, f"rules[{index}]."):
            cleaned.append(lists)
    return {"rules": cleaned, **_lists(body)}


def _lists(level: dict[str, Any], before: str = "") -> dict[str, list[Any]]:
    lists: dict[str, list[Any]] = {}
    for name in FIELDS:
        value = level.get(name)
        if value is None:
            continue
        if not isinstance(value, list):
            _refuse(name, "a list", before)
        lists[name] = value
    return lists


def _refuse(name: str, expected: str, before: str = "") -> NoReturn:
    slug = "invalid-telemetry-webhook-ignore-field"
    raise RulesError(slug, before + name, field=name, expected=expected)


def _wanted(name: str, values: list[Any]) -> frozenset[Any]:
    if name in OF_IDS:
        return frozenset(number for number in map(as_id, values) if number is not None)
    return frozenset(text for text in map(as_text, values) if text)


@dataclass(frozen=True, slots=True)
class Known:
    """What a webhook is known to be about beside what it says itself."""

    slugs: tuple[str, ...] = ()
    asset_ids: tuple[int, ...] = ()
    package_ids: tuple[int, ...] = ()


_NOTHING: Final = Known()


def _sent(name: str, payload: Mapping[str, Any], resolve: Callable[[Any], int | None], known: Known) -> tuple[Any, ...]:
    get = payload.get
    if name == "user_ids":
        return (as_id(get("user_id")),)
    if name == "learnpack_package_ids":
        return as_integer(get("package_id")), *known.package_ids
    if name == "package_slugs":
        return as_text(get("package_slug")), as_text(get("slug")), *known.slugs
    if name == "asset_ids":
        return resolve(get("asset_id")), *known.asset_ids
    return (as_text(get("event")),)


def about_tutorials(text: str) -> bool:
    """Whether the rule that this verdict's text names asks for the tutorial that a webhook is about."""
    return any(name in text for name in _OF_TUTORIALS)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one academy, compiled for matching; `stored` is the cleaned object that GET returns."""

    stored: dict[str, Any]
    # Text and tests of each rule in order; a legacy field is a rule with one test.
    _verdicts: tuple[tuple[str, tuple[tuple[str, frozenset[Any]], ...]], ...]

    @classmethod
    def compile(cls, stored: dict[str, Any]) -> Rules:
        """Compile what `validate` returned; a rule without a field is dropped, for it must not match everything."""
        levels = []
        for rule in stored.get("rules", ()):
            fields = [name for name in FIELDS if name in rule]
            if fields:
                levels.append((ignored_by_rule(fields), fields, rule))
        levels.extend((ignored_by_legacy(name), [name], stored) for name in FIELDS if name in stored)
        verdicts = []
        for text, fields, level in levels:
            tests = [(name, _wanted(name, level[name])) for name in fields]
            # A list without a usable item matches nothing, and so does its rule.
            if all(wanted for _, wanted in tests):
                # The asset comes last, for it alone needs a lookup.
                tests.sort(key=lambda test: test[0] == "asset_ids")
                verdicts.append((text, tuple(tests)))
        return cls(stored, tuple(verdicts))

    @property
    def about_tutorials(self) -> bool:
        """Whether a rule asks for the tutorial that a webhook is about."""
        return any(name in _OF_TUTORIALS for _, tests in self._verdicts for name, _ in tests)

    def match(
        self, payload: Mapping[str, Any], resolve: Callable[[Any], int | None], known: Known | None = None
    ) -> str | None:
        """The verdict of the first rule that matches the merged payload, else of the first legacy field, else None.

        `resolve` gives the id of the asset that a root `asset_id` means; it is called at most once, and only if a rule
        asks for assets. `known` is what the webhook's run is known to belong to.
        """
        sent: dict[str, tuple[Any, ...]] = {}
        for text, tests in self._verdicts:
            for name, wanted in tests:
                values = sent.get(name)
                if values is None:
                    values = sent[name] = _sent(name, payload, resolve, known or _NOTHING)
                if wanted.isdisjoint(values):
                    break
            else:
                return text
        return None
