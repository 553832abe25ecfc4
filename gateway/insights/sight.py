"""Whom the figures of an academy are about: the students that its staff reach (schemas.reference.tenancy)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gateway.reading.shown import shown_student
from schemas.reference.tenancy import reaches

if TYPE_CHECKING:
    from collections.abc import Collection

    from schemas.reference.directory import Asset
    from schemas.reference.lookup import Reference

__all__ = ["MOST_NAMED", "Sight"]

# ClickHouse takes 128 KiB of one parameter: thirteen characters for each id.
MOST_NAMED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Sight:
    """What an academy's staff see of students and tutorials."""

    reference: Reference
    academy: int
    strict: bool

    def sees(self, user_id: int | None) -> bool:
        """Whether staff of the academy reach a student; None is one whom nobody has named yet."""
        # Nearly all are members, and rows are many: this is what reading the record would tell.
        if user_id is not None and user_id in self.reference.members(self.academy):
            return True
        student = None if user_id is None else self.reference.user(user_id)
        return reaches((self.academy,), student, strict=self.strict)

    def sees_webhook(self, academies: Collection[int], user_id: int | None) -> bool:
        """Whether a webhook is in the academy's log: it was sent for it, or is of one of its members."""
        return self.academy in academies or user_id in self.reference.members(self.academy)

    def narrowed(self) -> dict[str, Any]:
        """Parameters that leave out of a question those who cannot be seen, as far as a question can say so.

        `everyone` is 1 where it cannot, because the members are too many to be named or because whoever is unknown
        is seen, too: so rows are always judged by `sees` as well.
        """
        members = self.reference.members(self.academy)
        named = self.strict and len(members) <= MOST_NAMED
        return {"everyone": 0 if named else 1, "only": sorted(members) if named else []}

    def only_members(self) -> Collection[int] | None:
        """The members, if nobody else can be seen; None where whoever is unknown is, too."""
        return self.reference.members(self.academy) if self.strict else None

    def student(self, user_id: int | None) -> dict[str, Any]:
        """Id and names of a student who is seen; names are null where the directory knows none."""
        shown = None
        if user_id is not None:
            shown = shown_student(self.reference, user_id, self.academy, strict=self.strict)
        return shown or {"id": user_id, "first_name": None, "last_name": None}

    def tutorial(self, slug: str) -> str:
        """The slug that a tutorial's figures are kept under: the canonical one of its translations."""
        asset = self.reference.asset_by_slug(slug)
        return slug if asset is None else self.reference.canonical(asset).slug

    def own_tutorial(self, slug: str) -> str | None:
        """As `tutorial`, upper and lower case taken as one; None where it is not this academy's to see.

        That is one of another academy, and in a strict directory one that it does not know.
        """
        named = self._named(slug)
        visible = [asset for asset in named if asset.academy in (self.academy, None)]
        if visible:
            return self.reference.canonical(visible[0]).slug
        return None if named or self.strict else slug

    def knows(self, slug: str) -> bool:
        """Whether the directory knows a tutorial."""
        return bool(self._named(slug))

    def _named(self, slug: str) -> list[Asset]:
        alias = self.reference.asset_by_slug(slug)
        return self.reference.assets_named(slug) or ([] if alias is None else [alias])

    def title(self, slug: str) -> str | None:
        """What the directory calls a tutorial."""
        asset = self.reference.asset_by_slug(slug)
        title = None if asset is None else asset.fields().get("title")
        return title if isinstance(title, str) else None
