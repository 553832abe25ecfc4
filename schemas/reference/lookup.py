"""What the compacted topics say now: rules, assets, users, tasks, academies and tokens, with lookups of each.

Records may come in any order and any number of times: the answers depend only on the last good value of each key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

import orjson

from schemas.fields import key_id
from schemas.reference.assets import Assets
from schemas.reference.directory import Academy, Asset, Task, Token, User
from schemas.reference.index import Index
from schemas.reference.rule_warnings import refuse_unknown_keys
from schemas.reference.rules import Rules, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

__all__ = ["KINDS", "Kind", "Reference", "folded_name"]

Kind = Literal["ignore-rules", "assets", "users", "tasks", "academies", "tokens"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


def folded_name(name: str) -> str:
    """A name in notebooks as it is compared: upper and lower case are one."""
    return name.strip().casefold()


class Reference:
    """An in-memory view of the reference topics; one thread applies and looks up.

    Users and tasks are kept as the bytes of their records and read on lookup: there are millions of them, and each is
    asked for once in a while.
    """

    def __init__(self) -> None:
        self._rules: dict[int, Rules] = {}
        self._assets = Assets()
        self._users: dict[int, bytes] = {}
        self._tasks: dict[int, bytes] = {}
        self._academies: dict[int, Academy] = {}
        self._tokens: dict[str, Token] = {}
        self._revoked: set[str] = set()
        self._members: Index[int] = Index()
        self._names: Index[str] = Index()
        self._assigned: Index[tuple[int, str]] = Index()
        self._appliers: dict[str, Callable[[bytes, bytes | None], None]] = {
            "ignore-rules": self._apply_rules,
            "assets": self._apply_asset,
            "users": self._apply_user,
            "tasks": self._apply_task,
            "academies": self._apply_academy,
            "tokens": self._apply_token,
        }

    def apply(self, kind: Kind, key: bytes, value: bytes | None) -> None:
        """Take one record; a value of None is a tombstone, which removes what the key had.

        Raises ValueError with a one-line reason for a record that does not validate; nothing changes then, so the key's
        last good value stays in force.
        """
        self._appliers[kind](key, value)

    def _apply_rules(self, key: bytes, value: bytes | None) -> None:
        academy = key_id(key)
        if value is None:
            self._rules.pop(academy, None)
            return
        try:
            stored = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            message = f"not JSON: {error}"
            raise ValueError(message) from error
        cleaned = validate(stored)
        # Whoever writes to the topic hears of nothing, and a rule without its misspelt field would be a wider one.
        refuse_unknown_keys(stored)
        self._rules[academy] = Rules.compile(cleaned)

    def _apply_asset(self, key: bytes, value: bytes | None) -> None:
        number = key_id(key)
        new = None if value is None else Asset.parse(key, value)
        self._assets.put(number, new)

    def _apply_user(self, key: bytes, value: bytes | None) -> None:
        number = key_id(key)
        new = None if value is None else User.parse(key, value)
        old = self.user(number)
        if old is not None:
            del self._users[number]
            for academy in old.academies:
                self._members.remove(academy, number)
            for name in old.notebook_names:
                self._names.remove(folded_name(name), number)
        if new is not None:
            self._users[number] = new.value
            for academy in new.academies:
                self._members.add(academy, number)
            for name in new.notebook_names:
                self._names.add(folded_name(name), number)

    def _apply_task(self, key: bytes, value: bytes | None) -> None:
        number = key_id(key)
        new = None if value is None else Task.parse(key, value)
        old = self.task(number)
        if old is not None:
            del self._tasks[number]
            self._assigned.remove((old.user_id, old.associated_slug or ""), number)
        if new is not None:
            self._tasks[number] = new.value
            self._assigned.add((new.user_id, new.associated_slug or ""), number)

    def _apply_academy(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._academies.pop(key_id(key), None)
            return
        academy = Academy.parse(key, value)
        self._academies[academy.id] = academy

    def _apply_token(self, key: bytes, value: bytes | None) -> None:
        token = None if value is None else Token.parse(key, value)
        sha256 = key.decode("ascii", "replace")
        self._tokens.pop(sha256, None)
        self._revoked.discard(sha256)
        if token is not None and token.revoked:
            self._revoked.add(sha256)
        elif token is not None:
            self._tokens[sha256] = token

    def rules(self, academy: int) -> Rules | None:
        """The ignore rules of an academy."""
        return self._rules.get(academy)

    def asset(self, number: int) -> Asset | None:
        """The asset with an id."""
        return self._assets.get(number)

    def asset_by_slug(self, slug: str) -> Asset | None:
        """The asset with a slug or an alias."""
        return self._assets.by_slug(slug)

    def asset_by_package(self, learnpack_id: int) -> Asset | None:
        """The asset with a LearnPack package id: of several one of no academy first, then the lowest id."""
        return self._assets.by_package(learnpack_id)

    def assets_named(self, slug: str) -> list[Asset]:
        """The assets with a slug, upper and lower case taken as one, in order of id."""
        return self._assets.named(slug)

    def assets_naming(self, names: Iterable[str], learnpack_id: int | None, most: int) -> list[Asset] | None:
        """The assets with one of these as slug (upper and lower case are one), alias or translation, or the package.

        In order of id; None where there are more than `most`.
        """
        return self._assets.naming(names, learnpack_id, most)

    def group(self, asset: Asset) -> tuple[Asset, ...]:
        """The translations of an asset and the asset itself, in order of id (schemas.reference.assets)."""
        return self._assets.group(asset)

    def canonical(self, asset: Asset) -> Asset:
        """The asset with the lowest id in the translation group: the one whose slug the state is kept under."""
        return self.group(asset)[0]

    def user(self, number: int) -> User | None:
        """The user with an id."""
        value = self._users.get(number)
        return None if value is None else User.parse(b"%d" % number, value)

    def has_user(self, number: int) -> bool:
        """Whether there is a user with an id."""
        return number in self._users

    def user_named(self, notebook_name: str) -> int | None:
        """The id of the user with a name in notebooks, upper and lower case taken as one.

        None where there is none, and where several have it: nobody is given what another one did.
        """
        name = folded_name(notebook_name)
        return self._names.first(name) if len(self._names.all(name)) == 1 else None

    def is_member(self, number: int, academy: int) -> bool:
        """Whether a user is a member of an academy."""
        return number in self.members(academy)

    def members(self, academy: int) -> Collection[int]:
        """The ids of an academy's members, in no order."""
        return self._members.all(academy)

    def task(self, number: int) -> Task | None:
        """The task with an id."""
        value = self._tasks.get(number)
        return None if value is None else Task.parse(b"%d" % number, value)

    def tasks_of(self, user_id: int, slugs: Iterable[str]) -> list[Task]:
        """A student's tasks whose associated slug is one of these, in order of id."""
        numbers = {number for slug in set(slugs) if slug for number in self._assigned.all((user_id, slug))}
        return [Task.parse(b"%d" % number, self._tasks[number]) for number in sorted(numbers)]

    def count_tasks_of(self, user_id: int, slug: str) -> int:
        """How many tasks a student has whose associated slug is this one."""
        return len(self._assigned.all((user_id, slug)))

    def academy(self, number: int) -> Academy | None:
        """The academy with an id."""
        return self._academies.get(number)

    def token(self, sha256: str) -> Token | None:
        """The token with a SHA-256 in lower-case hexadecimal; whether it has expired is the caller's to ask."""
        return self._tokens.get(sha256)

    def is_revoked(self, sha256: str) -> bool:
        """Whether a token's record says that it is revoked; it is none of the records in force then."""
        return sha256 in self._revoked

    def records(self, kind: Kind) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of every record of a kind that is in force."""
        if kind == "ignore-rules":
            yield from ((b"%d" % number, orjson.dumps(rules.stored)) for number, rules in self._rules.items())
        elif kind == "assets":
            yield from ((asset.key, asset.value) for asset in self._assets)
        elif kind == "academies":
            yield from ((academy.key, academy.value) for academy in self._academies.values())
        elif kind == "tokens":
            yield from ((token.sha256.encode(), token.value) for token in self._tokens.values())
        else:
            values = self._users if kind == "users" else self._tasks
            yield from ((b"%d" % number, value) for number, value in values.items())
