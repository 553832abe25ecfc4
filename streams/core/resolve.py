"""Which asset a webhook is about (docs/semantics.md, "Tutorials").

In a strict directory only the assets that it knows exist. In an open one every candidate id counts as existing, a batch
falls back to its own slug, and every asset is graded; what the directory happens to know is preferred all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from schemas.coercion import as_integer, as_integers, as_slug
from schemas.wire.names import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from schemas.reference.directory import Asset
    from schemas.reference.lookup import Reference

__all__ = [
    "Resolved",
    "adopt_package_id",
    "candidate_ids",
    "known_assets",
    "logged_asset_id",
    "package_of",
    "recall",
    "resolve_batch",
    "resolve_event",
    "resolve_id",
    "resolver",
]


# Most payloads have none of the places where candidates may stand.
_NAMES: Final = frozenset({"asset_id", "asset_ids", "package", "payload"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """The asset of a webhook.

    `slug` and `asset_id` are the canonical asset's, so that all languages and all routes of one tutorial meet; `asset`
    is the directory's record of the one that was found, None where an open directory has none.
    """

    slug: str
    asset_id: int | None
    asset: Asset | None
    graded: bool


def package_of(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The package that a package event describes: `payload.package`, else `package`, else nothing."""
    nested = payload.get("payload")
    package = nested.get("package") if isinstance(nested, dict) else None
    if not isinstance(package, dict):
        package = payload.get("package")
    return package if isinstance(package, dict) else {}


def candidate_ids(payload: Mapping[str, Any]) -> list[int]:
    """The asset ids that a payload names, in its order.

    They come from the first that is not null of `asset_id` and `asset_ids` in the root, in `payload.package` and in
    `package`.
    """
    if _NAMES.isdisjoint(payload):
        return []
    nested = payload.get("payload")
    for level in (payload, nested.get("package") if isinstance(nested, dict) else None, payload.get("package")):
        if not isinstance(level, dict):
            continue
        for name in ("asset_id", "asset_ids"):
            value = level.get(name)
            if value is not None:
                return as_integers(value)
    return []


def known_assets(candidates: Sequence[int], reference: Reference) -> list[Asset]:
    """The candidates that the directory knows, each once, in order of id."""
    return [asset for number in sorted(set(candidates)) if (asset := reference.asset(number)) is not None]


def _chosen(candidates: Sequence[int], reference: Reference) -> Asset | None:
    if not candidates:
        return None
    known = known_assets(candidates, reference)
    english = (asset for asset in known if asset.english)
    return next(english, known[0] if known else None)


def resolve_id(candidates: Sequence[int], reference: Reference, *, strict: bool) -> int | None:
    """The id that candidates mean: an English asset's before others', then the lowest; None where none exists.

    An open directory takes unknown candidates as existing, in a language that is not known.
    """
    if not candidates:
        return None
    if not strict and len(candidates) == 1:
        return candidates[0]
    chosen = _chosen(candidates, reference)
    if not strict and not (chosen is not None and chosen.english):
        return min(candidates)
    return None if chosen is None else chosen.id


def resolver(reference: Reference, *, strict: bool) -> Callable[[Any], int | None]:
    """What Rules.match asks for the id that a payload's root `asset_id` means."""
    return lambda value: resolve_id(as_integers(value), reference, strict=strict)


def logged_asset_id(payload: Mapping[str, Any], reference: Reference, *, strict: bool) -> int | None:
    """The asset id in the webhook's log row: what its candidate ids mean, or None."""
    return resolve_id(candidate_ids(payload), reference, strict=strict)


def resolve_batch(
    payload: Mapping[str, Any],
    reference: Reference,
    *,
    strict: bool,
    asset_ids: Sequence[int] = (),
    run: Resolved | None = None,
) -> Resolved | None:
    """The asset of a batch: by root `asset_id`, else by slug or alias, else by `package_id`; None where there is none.

    Where it has no `asset_id`, `asset_ids` are those that other posts of the same run named, and where the directory
    knows none of its names, `run` is what they resolved to. In an open directory an unknown asset is known by the
    slug that was sent, else as `asset-<id>`.
    """
    candidates = as_integers(payload.get("asset_id")) or list(asset_ids)
    asset = _chosen(candidates, reference)
    if asset is None:
        asset = reference.asset_by_slug(_batch_slug(payload)) or _by_package(payload, reference)
    # A `slug` that says nothing hides `package_slug` from a strict directory.
    slug = as_slug(payload.get("slug")) or as_slug(payload.get("package_slug"))
    if asset is None and not strict:
        asset = reference.asset_by_slug(slug)
    if asset is not None:
        return _resolved(asset, reference, strict=strict)
    if run is not None and not candidates:
        return run
    if strict or not (slug or candidates):
        return None
    number = min(candidates, default=None)
    return Resolved(name_of(slug) or f"asset-{number}", number, None, graded=True)


def resolve_event(
    payload: Mapping[str, Any],
    run: Resolved | None,
    reference: Reference,
    *,
    strict: bool,
    named: Container[str] = (),
) -> Resolved | None:
    """The asset of a streamed event, whose bare `slug` is its step's and never asked.

    By candidate ids, else by `package_slug`, else by `run` (what the batch with the same telemetry_id resolved to),
    else by `package_id`; None where none of them tells. A `package_slug` that is among those that batch `named` means
    what the batch means. In an open directory an unknown one is taken as it is; an unknown id has no slug, so it does
    not decide.
    """
    candidates = candidate_ids(payload)
    slug = as_slug(payload.get("package_slug"))
    asset = _chosen(candidates, reference)
    if asset is None and slug and run is not None and slug in named:
        return run
    if asset is None and slug:
        asset = reference.asset_by_slug(slug)
        if asset is None and not strict:
            return Resolved(name_of(slug), min(candidates, default=None), None, graded=True)
    if asset is None and run is not None:
        return run
    if asset is None:
        asset = _by_package(payload, reference)
    return None if asset is None else _resolved(asset, reference, strict=strict)


def recall(slug: str, asset_id: int | None, reference: Reference, *, strict: bool) -> Resolved | None:
    """What a stored canonical slug and id resolve to now; None where a strict directory no longer has the asset.

    The directory may have learnt of the asset, or of a translation with a lower id, since they were stored.
    """
    asset = None if asset_id is None else reference.asset(asset_id)
    asset = asset or reference.asset_by_slug(slug)
    if asset is not None:
        return _resolved(asset, reference, strict=strict)
    return None if strict else Resolved(slug, asset_id, None, graded=True)


def adopt_package_id(asset: Asset, payload: Mapping[str, Any]) -> Asset | None:
    """The asset's record with a batch's `package_id` as its `learnpack_id`, or None where it stays as it is.

    It changes only where the batch found the asset by `asset_id`, the asset has no `learnpack_id` yet and the
    `package_id` is a number.
    """
    number = as_integer(payload.get("package_id"))
    if asset.learnpack_id is not None or number is None or number < 0:
        return None
    if asset.id not in as_integers(payload.get("asset_id")):
        return None
    return asset.updated({"learnpack_id": number})


def _batch_slug(payload: Mapping[str, Any]) -> str:
    return as_slug(payload["slug"] if "slug" in payload else payload.get("package_slug"))


def _by_package(payload: Mapping[str, Any], reference: Reference) -> Asset | None:
    number = as_integer(payload.get("package_id"))
    return None if number is None else reference.asset_by_package(number)


def _resolved(asset: Asset, reference: Reference, *, strict: bool) -> Resolved:
    canonical = reference.canonical(asset)
    return Resolved(canonical.slug, canonical.id, asset, graded=canonical.graded or not strict)
