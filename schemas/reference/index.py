"""An index from a property to the ids that have it, small where most properties have one id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

__all__ = ["Index"]

Property = TypeVar("Property", bound="Hashable")


class Index(Generic[Property]):
    """Ids by property; adding what is there and removing what is not change nothing."""

    __slots__ = ("_ids", "_lowest")

    def __init__(self) -> None:
        # A lone id is kept bare: a set for each of a million tasks would cost 200 MB.
        self._ids: dict[Property, int | set[int]] = {}
        # Of sets that were asked for it: what many ids have may be asked for with every webhook.
        self._lowest: dict[Property, int] = {}

    def add(self, name: Property, number: int) -> None:
        """Record that the id has the property."""
        held = self._ids.get(name)
        if held is None:
            self._ids[name] = number
        elif isinstance(held, set):
            held.add(number)
            if number < self._lowest.get(name, number):
                self._lowest[name] = number
        elif held != number:
            self._ids[name] = {held, number}

    def remove(self, name: Property, number: int) -> None:
        """Record that the id does not have the property."""
        held = self._ids.get(name)
        if held == number:
            del self._ids[name]
        elif isinstance(held, set):
            held.discard(number)
            if self._lowest.get(name) == number:
                del self._lowest[name]
            if not held:
                del self._ids[name]

    def first(self, name: Property) -> int | None:
        """The lowest id with the property."""
        held = self._ids.get(name)
        if not isinstance(held, set):
            return held
        lowest = self._lowest.get(name)
        if lowest is None:
            lowest = self._lowest[name] = min(held)
        return lowest

    def all(self, name: Property) -> Collection[int]:
        """The ids with the property, in no order."""
        held = self._ids.get(name)
        if held is None:
            return ()
        return held if isinstance(held, set) else (held,)
