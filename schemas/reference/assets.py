"""Assets and what their names find: slugs, aliases, packages and translations (docs/semantics.md, "Tutorials").

Names are written by academies, each for itself, and beforehand as well: for a tutorial that another academy will have.
So a name finds an asset of no academy first, which only the LMS writes, and a link counts where both ends say so.
Nothing here costs more the more assets have a name: whoever asks for one passes over no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from schemas.reference.index import Index

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator

    from schemas.reference.directory import Asset

__all__ = ["LARGEST_GROUP", "Assets"]

# Assets that can be translations of each other: a tutorial has a few languages, and a group is walked at each change.
LARGEST_GROUP: Final = 100

Name = TypeVar("Name", bound="Hashable")


class _Names(Generic[Name]):
    """The ids of the assets with a name: all of them, and those of each academy (None are those of none)."""

    def __init__(self) -> None:
        self._all: Index[Name] = Index()
        self._of: Index[tuple[Name, int | None]] = Index()

    def add(self, name: Name, asset: Asset) -> None:
        self._all.add(name, asset.id)
        self._of.add((name, asset.academy), asset.id)

    def remove(self, name: Name, asset: Asset) -> None:
        self._all.remove(name, asset.id)
        self._of.remove((name, asset.academy), asset.id)

    def first(self, name: Name) -> int | None:
        """The lowest id, of an asset of no academy where there is one."""
        number = self._of.first((name, None))
        return self._all.first(name) if number is None else number

    def all(self, name: Name) -> Collection[int]:
        return self._all.all(name)

    def of(self, name: Name, academy: int | None) -> Collection[int]:
        return self._of.all((name, academy))


class Assets:
    """The assets that are in force, by each of their names."""

    def __init__(self) -> None:
        self._assets: dict[int, Asset] = {}
        self._slugs: _Names[str] = _Names()
        self._folded_slugs: _Names[str] = _Names()
        self._aliases: _Names[str] = _Names()
        self._links: _Names[str] = _Names()
        self._packages: _Names[int] = _Names()
        self._groups: dict[int, tuple[Asset, ...]] = {}

    def put(self, number: int, new: Asset | None) -> None:
        """Take an asset in the place of what has its id; None takes that out."""
        old = self._assets.pop(number, None)
        if old is not None:
            self._slugs.remove(old.slug, old)
            self._folded_slugs.remove(old.slug.casefold(), old)
            for alias in old.aliases:
                self._aliases.remove(alias, old)
            for slug in old.translations.values():
                self._links.remove(slug, old)
            if old.learnpack_id is not None:
                self._packages.remove(old.learnpack_id, old)
        if new is not None:
            self._assets[number] = new
            self._slugs.add(new.slug, new)
            self._folded_slugs.add(new.slug.casefold(), new)
            for alias in new.aliases:
                self._aliases.add(alias, new)
            for slug in new.translations.values():
                self._links.add(slug, new)
            if new.learnpack_id is not None:
                self._packages.add(new.learnpack_id, new)
        self._groups.clear()

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._assets.values())

    def get(self, number: int | None) -> Asset | None:
        """The asset with an id."""
        return None if number is None else self._assets.get(number)

    def by_slug(self, slug: str) -> Asset | None:
        """The asset with a slug or an alias.

        Where the slug of one asset is an alias of another, the LMS sorts all aliases of both and takes the first one's
        asset; so does this, but that an academy's alias never takes another academy's slug.
        """
        by_slug = self.get(self._slugs.first(slug))
        by_alias = self.get(self._aliases.first(slug))
        if by_alias is None or by_slug is None:
            return by_slug or by_alias
        if by_alias.academy not in (None, by_slug.academy):
            return by_slug
        return by_slug if any(alias < slug for alias in by_slug.aliases) else by_alias

    def by_package(self, learnpack_id: int) -> Asset | None:
        """The asset with a LearnPack package id: of several one of no academy first, then the lowest id."""
        return self.get(self._packages.first(learnpack_id))

    def named(self, slug: str) -> list[Asset]:
        """The assets with a slug, upper and lower case taken as one, in order of id."""
        return [self._assets[number] for number in sorted(self._folded_slugs.all(slug.casefold()))]

    def naming(self, names: Iterable[str], learnpack_id: int | None, most: int) -> list[Asset] | None:
        """The assets with one of these as slug (upper and lower case are one), alias or translation, or the package.

        In order of id; None where there are more than `most`.
        """
        held = [] if learnpack_id is None else [self._packages.all(learnpack_id)]
        for name in set(names):
            held += self._folded_slugs.all(name.casefold()), self._aliases.all(name), self._links.all(name)
        numbers: set[int] = set()
        for ids in held:
            # No id twice in one of them, so these are too many by themselves.
            if len(ids) > most or len(numbers) > most:
                return None
            numbers.update(ids)
        return None if len(numbers) > most else [self._assets[number] for number in sorted(numbers)]

    def group(self, asset: Asset) -> tuple[Asset, ...]:
        """The translations of an asset and the asset itself, in order of id.

        Two assets are translations of each other if one's link to the other counts, or both are translations of a
        third. Where that would be more than LARGEST_GROUP, each of them is alone.
        """
        group = self._groups.get(asset.id)
        if group is None:
            group = self._connected(asset)
            for member in group:
                self._groups[member.id] = group
        return group

    def _connected(self, asset: Asset) -> tuple[Asset, ...]:
        connected = {asset.id: asset}
        waiting: list[Asset] = [asset]
        asked: dict[tuple[str, int | None], Asset | None] = {}
        while waiting:
            for number in self._linked(waiting.pop(), asked):
                if number in connected:
                    continue
                if len(connected) == LARGEST_GROUP:
                    return (asset,)
                connected[number] = self._assets[number]
                waiting.append(connected[number])
        return tuple(connected[number] for number in sorted(connected))

    def _linked(self, asset: Asset, asked: dict[tuple[str, int | None], Asset | None]) -> Iterator[int]:
        """The ids of those to whom a link that counts leads, or from whom one comes.

        A link counts within an academy. From one to another, whoever writes it has no say over what it names: it counts
        if it comes from an asset of no academy, or if both name each other; and if nobody else has the slug, for
        whoever took that beforehand would be meant as well. `asked` has the slugs that were followed already from an
        academy, with the asset of another one that each means.
        """
        yield from self._links.of(asset.slug, asset.academy)
        is_alone = self._alone(asset.slug) is not None
        if is_alone and asset.academy is not None:
            yield from self._links.of(asset.slug, None)
        for slug in asset.translations.values():
            use = slug, asset.academy
            if use not in asked:
                other = self._alone(slug)
                asked[use] = None if other is not None and other.academy == asset.academy else other
                yield from self._slugs.of(*use)
            other = asked[use]
            if other is None:
                continue
            if asset.academy is None or (is_alone and asset.slug in other.translations.values()):
                yield other.id

    def _alone(self, slug: str) -> Asset | None:
        """The only asset with a slug, None where there are several or none."""
        numbers = self._slugs.all(slug)
        return self.get(self._slugs.first(slug)) if len(numbers) == 1 else None
