"""Who is to be forgotten: a user with the names that notebooks know them by, as the directory links the two (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.coercion import digits_as_id
from schemas.reference.directory import User
from schemas.reference.lookup import folded_name
from schemas.wire.pseudonyms import NO_KEY, Pseudonyms
from schemas.wire.webhook import ANONYMOUS, normal_user_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.reference.lookup import Reference

__all__ = ["Person", "identify"]


@dataclass(frozen=True, slots=True)
class Person:
    """A person: `student` as named by whoever asks, `user` the user id, None where there is none.

    `names` are the folded names in notebooks that nobody else has (`written` as the directory has them), `others`
    those that somebody else has, too.
    """

    student: str
    user: int | None
    names: frozenset[str]
    others: frozenset[str]
    written: tuple[str, ...] = ()
    pseudonyms: Pseudonyms = NO_KEY

    @property
    def known_as(self) -> tuple[str, ...]:
        """The actors that are certain: what was asked for, and the user."""
        user = () if self.user is None else (str(self.user),)
        return tuple(dict.fromkeys((*user, self.student)))

    @property
    def hidden_as(self) -> tuple[str, ...]:
        """The pseudonyms under which the worker may keep the person."""
        return tuple(sorted({self.hidden(name) for name in (self.student, *self.written)} - {self.student}))

    def hidden(self, actor: str) -> str:
        """As whom the worker may keep who is called so: a number as it is, a text by its pseudonym."""
        return self.pseudonyms.actor_of(actor)

    def is_named(self, actor: str) -> bool:
        """Whether an actor is one of the person's names in notebooks."""
        return folded_name(actor) in self.names

    def may_be(self, actor: str) -> bool:
        """Whether an actor that had the person's user id once is nobody else by now."""
        return folded_name(actor) not in self.others

    def anonymous(self, shared: Iterable[tuple[str, Iterable[str]]], actors: Iterable[str]) -> list[str]:
        """Of runs (telemetry_id and all actors who have it) those that are the person's alone, as actors."""
        of_person = set(actors)
        # Students who began with one template share its telemetry_id: such a run is not one student's.
        return sorted(
            f"{ANONYMOUS}{run}"
            for run, whose in shared
            if run and of_person.issuperset(set(whose) - {f"{ANONYMOUS}{run}"})
        )


def identify(reference: Reference, asked: str, pseudonyms: Pseudonyms = NO_KEY) -> Person:
    """Whom a user id, an actor or a name in notebooks means; a name that one user has means that user."""
    student = normal_user_id(asked) or asked
    holders: dict[str, set[int]] = {}
    spellings: dict[str, set[str]] = {}
    for key, value in reference.records("users"):
        user = User.parse(key, value)
        for name in user.notebook_names:
            holders.setdefault(folded_name(name), set()).add(user.id)
            spellings.setdefault(folded_name(name), set()).add(name)
    number = digits_as_id(student)
    if number is None and len(bearers := holders.get(folded_name(student), set())) == 1:
        (number,) = bearers
    if number is None:
        return Person(student, None, frozenset({folded_name(student)}), frozenset(), (), pseudonyms)
    names = frozenset(name for name, users in holders.items() if users == {number})
    written = tuple(sorted(spelling for name in names for spelling in spellings[name]))
    return Person(student, number, names, frozenset(holders) - names, written, pseudonyms)
