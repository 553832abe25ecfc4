"""What in a rules object probably does not mean what its writer meant: a rule of a misspelt field is a wider rule.

PUT drops what it does not know, as the LMS does, and says so; on the topic nobody hears, so there such a record is
refused (`refuse_unknown_keys`).
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from schemas.coercion import as_id
from schemas.reference.rules import FIELDS, OF_IDS
from schemas.vocabulary import BATCH, EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.vocabulary import Language

__all__ = ["RuleWarning", "refuse_unknown_keys", "rule_warnings"]

# Names from payloads and other tools, which are no misspelling of the field that they mean.
_ALSO: Final = {
    "package_id": "learnpack_package_ids",
    "package_ids": "learnpack_package_ids",
    "slug": "package_slugs",
    "slugs": "package_slugs",
    "student_ids": "user_ids",
    "students": "user_ids",
    "users": "user_ids",
}
_LONGEST: Final = 60

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "unknown-key": (
        "`{path}` is no field of ignore rules and is left out",
        "`{path}` no es un campo de las reglas y se omite",
    ),
    "null-field": ("`{path}` is null and is left out", "`{path}` es null y se omite"),
    "empty-rule": ("`{path}` has no field and is left out", "`{path}` no tiene campos y se omite"),
    "empty-list": ("`{path}` is empty and matches nothing", "`{path}` está vacío y no coincide con nada"),
    "no-id": ("`{path}` is {value}, which is no id and matches nothing", "`{path}` es {value}, que no es un id"),
    "no-text": ("`{path}` is {value}, which is no text", "`{path}` es {value}, que no es un texto"),
    "batch-event": (
        "`{path}`: batches carry no event, so {value} matches only those that say they are one",
        "`{path}`: los lotes no llevan evento; {value} solo coincide con los que dicen que lo son",
    ),
    "unknown-event": ("`{path}`: LearnPack sends no event {value}", "`{path}`: LearnPack no envía el evento {value}"),
}
_MORE: Final = (" (and {more} more)", " (y {more} más)")
_WIDER: Final = ("; its rule matches more without it", "; sin él su regla coincide con más")
_MEANT: Final = ("; did you mean `{near}`?", "; ¿quiso decir `{near}`?")


@dataclass(frozen=True, slots=True)
class RuleWarning:
    """One doubt: its kind, where it is (`rules[0].events[1]`), what is there, and what was perhaps meant.

    `wider` if a rule matches more because of it; `more` items of the same list have the same fault.
    """

    kind: str
    path: str
    value: str = ""
    near: str = ""
    wider: bool = field(default=False, kw_only=True)
    more: int = field(default=0, kw_only=True)

    def text(self, language: Language = "en") -> str:
        """One line in a language; what the writer wrote is in it as JSON, cut if it is long."""
        which = 1 if language == "es" else 0
        texts = [_TEXTS[self.kind][which], _MORE[which] if self.more else ""]
        if self.wider:
            texts.append(_WIDER[which])
        texts.append(_MEANT[which] if self.near else ".")
        return "".join(texts).format(path=self.path, value=self.value, near=self.near, more=self.more)


def rule_warnings(body: Any) -> list[RuleWarning]:
    """The doubts about an object that `rules.validate` takes, what makes rules wider first; none for null."""
    if not isinstance(body, dict):
        return []
    warnings = list(_level(body, "", (*FIELDS, "rules")))
    for index, rule in enumerate(body.get("rules") or ()):
        path = f"rules[{index}]"
        warnings += _level(rule, f"{path}.", FIELDS)
        if not any(rule.get(name) is not None for name in FIELDS):
            warnings.append(RuleWarning("empty-rule", path))
    return sorted(warnings, key=lambda warning: (not warning.wider, warning.kind != "unknown-key"))


def refuse_unknown_keys(body: Any) -> None:
    """Raise ValueError, naming the first one, if a rules object has keys that no rule has, at any place."""
    for warning in rule_warnings(body):
        if warning.kind == "unknown-key":
            meant = _MEANT[0].format(near=warning.near) if warning.near else "."
            message = f"`{warning.path}` is no field of ignore rules, so nothing of the record is in force{meant}"
            raise ValueError(message)


def _level(level: Mapping[str, Any], before: str, known: Sequence[str]) -> Iterator[RuleWarning]:
    narrows = bool(before) and any(level.get(name) is not None for name in FIELDS)
    for name, values in level.items():
        if name not in known:
            yield RuleWarning(
                "unknown-key", before + _shown(name)[1:].rstrip('"'), near=_near(name, known), wider=narrows
            )
        elif values is None:
            yield RuleWarning("null-field", before + name, wider=narrows)
        elif name != "rules":
            yield from _list(name, values, before + name)


def _list(name: str, values: Sequence[Any], path: str) -> Iterator[RuleWarning]:
    if not values:
        yield RuleWarning("empty-list", path)
    first: dict[str, tuple[int, int]] = {}
    for index, value in enumerate(values):
        if kind := _kind(name, value):
            earliest, count = first.get(kind, (index, 0))
            first[kind] = earliest, count + 1
    for kind, (index, count) in first.items():
        near = _near(str(values[index]), sorted(EVENTS)) if kind == "unknown-event" else ""
        yield RuleWarning(kind, f"{path}[{index}]", _shown(values[index]), near, more=count - 1)


def _kind(name: str, value: Any) -> str:
    """What is wrong with an item of a list; empty if nothing is."""
    if name in OF_IDS:
        return "" if as_id(value) is not None else "no-id"
    if not isinstance(value, str) or not value.strip():
        return "no-text"
    if name != "events":
        return ""
    return "batch-event" if value.strip() == BATCH else "" if value.strip() in EVENTS else "unknown-event"


def _near(name: str, known: Sequence[str]) -> str:
    folded = name.strip().casefold()
    near = difflib.get_close_matches(folded, known, n=1) if len(folded) <= _LONGEST else ()
    return _ALSO.get(folded) or (near[0] if near else "")


def _shown(value: Any) -> str:
    """A scalar as JSON in ASCII, whatever is in it; what holds others by its kind."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
