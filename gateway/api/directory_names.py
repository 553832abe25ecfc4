"""Names that a record of the directory takes: who has them already, and how many (docs/directory.md, "Whose records").

Whoever looks a name up meets all that have it, with every webhook that names it: so there is a bound to how many have
one, those of one request counted together, which the directory has not yet when each is judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.errors import ApiError
from schemas.reference.assets import LARGEST_GROUP
from schemas.reference.directory import Asset, Task

if TYPE_CHECKING:
    from collections.abc import Collection

    from schemas.reference.directory_file import Record
    from schemas.reference.lookup import Reference

__all__ = ["Claims", "assets_near"]

# Assets with one name or of one group, and a student's tasks of one tutorial.
_MOST: Final = LARGEST_GROUP

_PACKAGE: Final = "package"

# What a name is used for, and the name.
_Use = tuple[str, str | int]


class Claims:
    """The names that records of one request take, and how many of them take each."""

    def __init__(self) -> None:
        self._ids: dict[_Use, set[int]] = {}

    def add(self, reference: Reference, record: Record, there: Record | None) -> None:
        """Note what a record takes that is written in the place of what is there.

        Raises ApiError 400, and notes nothing, where too many have one of its names.
        """
        if isinstance(record, Asset):
            uses = _new_uses(record, there)
        elif isinstance(record, Task):
            uses = _new_tutorial(reference, record, there)
        else:
            return
        # Slugs are looked for in any case.
        taken = {(use, name.casefold() if isinstance(name, str) else name) for use, name in uses}
        for use in taken:
            ids: Collection[int] = self._ids.get(use, ())
            if len(ids) >= _MOST and record.id not in ids:
                raise _crowded(use[1])
        for use in taken:
            self._ids.setdefault(use, set()).add(record.id)


def assets_near(reference: Reference, asset: Asset, there: Record | None) -> dict[int, Asset]:
    """By id the assets that have a name which this one takes, and all translations of them and of what is there.

    What the asset has already it does not take: another one's claim to its names, and its own to another one's, may
    well be there. Raises ApiError 400 where they would be too many.
    """
    near = {one.id: one for one in reference.group(there)} if isinstance(there, Asset) else {}
    uses = _new_uses(asset, there)
    if not uses:
        return near
    names = [name for use, name in uses if use != _PACKAGE and isinstance(name, str)]
    package = asset.learnpack_id if (_PACKAGE, asset.learnpack_id) in uses else None
    sharing = reference.assets_naming(names, package, _MOST)
    for one in sharing or ():
        if one.id not in near:
            near.update((member.id, member) for member in reference.group(one))
    if sharing is None or len(near.keys() | {asset.id}) > _MOST:
        raise _crowded(asset.slug)
    return near


def _new_uses(asset: Asset, there: Record | None) -> set[_Use]:
    """What the asset does not have in the same academy already."""
    uses = _uses(asset)
    return uses - _uses(there) if isinstance(there, Asset) and there.academy == asset.academy else uses


def _uses(asset: Asset) -> set[_Use]:
    uses: set[_Use] = {("slug", asset.slug)}
    uses.update(("alias", alias) for alias in asset.aliases)
    uses.update(("translation", slug) for slug in asset.translations.values())
    if asset.learnpack_id is not None:
        uses.add((_PACKAGE, asset.learnpack_id))
    return uses


def _new_tutorial(reference: Reference, task: Task, there: Record | None) -> set[_Use]:
    """The tutorial that a student has a task of by this one; raises ApiError 400 where he has too many of it."""
    of_whom, slug = task.user_id, task.associated_slug
    if not slug or (isinstance(there, Task) and (there.user_id, there.associated_slug) == (of_whom, slug)):
        return set()
    if reference.count_tasks_of(of_whom, slug) >= _MOST:
        raise _crowded(slug)
    return {(f"task of {of_whom}", slug)}


def _crowded(name: str | int) -> ApiError:
    return ApiError("invalid-directory-record.crowded", name=str(name)[:60], limit=_MOST)
