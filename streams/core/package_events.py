"""Package events: what LearnPack Cloud says of a published package, written into the directory's asset records.

docs/semantics.md, "Package events".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from schemas.coercion import as_integer, as_slug, as_text
from schemas.fields import encode_object
from schemas.reference.directory import LARGEST_RECORD
from schemas.vocabulary import NO_MANIFEST, invalid_config, invalid_package_id, package_asset_not_found, too_many
from schemas.wire.names import name_of
from streams.core.errors import Refused
from streams.core.resolve import candidate_ids, known_assets, package_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.reference.directory import Asset
    from schemas.reference.lookup import Reference

__all__ = ["changed_assets"]


def changed_assets(event: str, payload: Mapping[str, Any], reference: Reference) -> list[Asset]:
    """The asset records that a `package_published` or `package_manifest_updated` changes, as they are afterwards.

    Only assets that the directory knows can change, in an open directory as well: there is no record to write into
    otherwise. Raises Refused with the verdict's text.
    """
    package = package_of(payload)
    package_id = payload.get("package_id")
    if package_id is None:
        package_id = package.get("id")
    number = as_integer(package_id)
    assets = _assets(payload, package, number, reference)
    if not assets:
        raise Refused(package_asset_not_found(event))
    if package_id is not None and number is None:
        raise Refused(invalid_package_id(event, name_of(as_text(package_id))))
    nested = payload.get("payload")
    manifest = nested.get("manifest") if isinstance(nested, dict) else None
    changes: dict[str, Any] = {"manifest": manifest} if isinstance(manifest, dict) else {}
    if event == "package_manifest_updated":
        if not changes:
            raise Refused(NO_MANIFEST)
        number = None
    else:
        changes |= _published(package)
    updated = [changed for asset in assets if (changed := _changed(asset, changes, number)) is not None]
    largest = max((len(asset.value) for asset in updated), default=0)
    if largest > LARGEST_RECORD:
        raise Refused(too_many("bytes of an asset", largest, LARGEST_RECORD))
    return updated


def _assets(
    payload: Mapping[str, Any], package: Mapping[str, Any], number: int | None, reference: Reference
) -> list[Asset]:
    if assets := known_assets(candidate_ids(payload), reference):
        return assets
    slug = payload["slug"] if "slug" in payload else payload.get("package_slug", package.get("package_slug"))
    asset = reference.asset_by_slug(as_slug(slug))
    if asset is None and number is not None:
        asset = reference.asset_by_package(number)
    return [] if asset is None else [asset]


def _published(package: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if url := package.get("custom_deployment_url") or package.get("deployment_url"):
        changes["learnpack_deploy_url"] = url
    config = package.get("config")
    if isinstance(config, str):
        config = _config(config)
    if isinstance(config, dict):
        changes["config"] = config
    return changes


def _config(text: str) -> Any:
    if not text.strip():
        return None
    try:
        # The standard library's reader, for its messages are part of the verdict's text; numbers that no JSON writer
        # takes become what one takes.
        config = json.loads(text, parse_int=_number, parse_constant=lambda _: None)
        encode_object({"config": config})
    except (ValueError, RecursionError) as error:
        raise Refused(invalid_config(error)) from error
    return config


def _number(digits: str) -> float | None:
    return as_integer(digits) if as_integer(digits) is not None else float(digits)


def _changed(asset: Asset, changes: Mapping[str, Any], learnpack_id: int | None) -> Asset | None:
    fields = asset.fields()
    new = {name: value for name, value in changes.items() if fields.get(name) != value}
    if learnpack_id is not None and learnpack_id >= 0 and asset.learnpack_id is None:
        new["learnpack_id"] = learnpack_id
    return asset.updated(new) if new else None
