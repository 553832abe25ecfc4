"""What a run of a tutorial, told by its telemetry_id, is known to belong to (docs/semantics.md, "Runs").

A streamed event carries no name of its tutorial, and the IDE names the asset in the first of its two posts only: what
batches of the run have said stands in for what a webhook leaves out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.coercion import as_integer, as_integers, as_slug
from schemas.reference.rules import Known
from schemas.wire.names import name_of
from streams.core.resolve import resolve_batch, resolve_id
from streams.core.state import Named, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.reference.lookup import Reference

__all__ = ["known_of", "named_by", "repeats_names", "run_after"]

# A client's list has one id a language; what it invents must not outgrow a value.
_MOST_IDS: Final = 32


def _slug(value: Any) -> str:
    return name_of(as_slug(value))


def repeats_names(payload: Mapping[str, Any], named: Named) -> bool:
    """Whether a batch that names no asset is of the tutorial that the run's batches named: it has no other slug."""
    slugs = {_slug(payload.get("slug")), _slug(payload.get("package_slug"))} - {""}
    return slugs <= {named.slug, named.package_slug}


def named_by(payload: Mapping[str, Any], before: Named | None) -> Named:
    """How a batch names its tutorial; of its asset ids and package, what it leaves out is as before."""
    asset_ids = as_integers(payload.get("asset_id"))[:_MOST_IDS]
    slug, package_slug = _slug(payload.get("slug")), _slug(payload.get("package_slug"))
    package_id = as_integer(payload.get("package_id"))
    if before is not None and repeats_names(payload, before):
        asset_ids = asset_ids or before.asset_ids
        slug, package_slug = slug or before.slug, package_slug or before.package_slug
        package_id = before.package_id if package_id is None else package_id
    return Named(asset_ids, slug, package_slug, package_id)


def known_of(
    run: Run | None, payload: Mapping[str, Any], reference: Reference, *, batch: bool, strict: bool
) -> Known | None:
    """What rules may know of a webhook beside its payload, None where there is nothing.

    Of a batch only the asset that the run's other posts name, of a streamed event also slugs and packages, as they were
    sent and as the directory has them.
    """
    if run is None:
        return None
    named = run.named
    asset_id = None if named is None else resolve_id(named.asset_ids, reference, strict=strict)
    if batch:
        if named is None or asset_id is None or payload.get("asset_id") is not None:
            return None
        return Known(asset_ids=(asset_id,)) if repeats_names(payload, named) else None
    slugs = {run.asset_slug, *(() if named is None else (named.slug, named.package_slug))} - {None, ""}
    asset_ids = {asset_id, run.asset_id} - {None}
    package_ids = {None if named is None else named.package_id} - {None}
    assets = [*map(reference.asset, asset_ids), *map(reference.asset_by_slug, slugs)]  # type: ignore[arg-type]
    for asset in filter(None, assets):
        slugs.add(asset.slug)
        asset_ids.add(asset.id)
        package_ids |= {asset.learnpack_id} - {None}
    return Known(tuple(slugs), tuple(asset_ids), tuple(package_ids))  # type: ignore[arg-type]


def run_after(payload: Mapping[str, Any], run: Run | None, reference: Reference, *, strict: bool) -> Run:
    """What is known of a run after a batch of it, whether or not the batch is taken; items that wait are left out."""
    named = named_by(payload, None if run is None else run.named)
    resolved = resolve_batch(payload, reference, strict=strict, asset_ids=named.asset_ids)
    if resolved is not None:
        return Run(resolved.slug, resolved.asset_id, [], named)
    return Run(None, None, [], named)
