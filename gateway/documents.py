"""Students' documents as ClickHouse has them, with what streamed events brought after the last batch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from schemas.overlay import merge_document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.reading import ClickHouse

__all__ = ["Named", "StoredDocument", "read_documents"]

_STORED: Final = """
SELECT asset_slug, actor, telemetry_id, document, updated_at, version FROM telemetry
WHERE actor IN {actors:Array(String)} AND (empty({slugs:Array(String)}) OR asset_slug IN {slugs:Array(String)})
"""

# A document is kept under the slug of its asset, and says what its client calls the tutorial.
_NAMED: Final = """
SELECT asset_slug, actor, telemetry_id, document, updated_at, version FROM telemetry
WHERE actor IN {actors:Array(String)}
    AND (asset_slug IN {slugs:Array(String)}
        OR hasAny([JSONExtractString(document, 'slug'), JSONExtractString(document, 'package_slug')],
            {slugs:Array(String)})
        OR has({packages:Array(String)}, trim(BOTH '" ' FROM JSONExtractRaw(document, 'package_id'))))
"""

_SCORED: Final = """
SELECT asset_slug, actor, telemetry_id, overlay, completion_rate, finished_at, updated_at, version FROM scores
WHERE actor IN {actors:Array(String)} AND (empty({slugs:Array(String)}) OR asset_slug IN {slugs:Array(String)})
"""


class Named(NamedTuple):
    """A tutorial as its clients and the directory call it: by slugs and by LearnPack's package ids."""

    slugs: Sequence[str]
    packages: Sequence[int]


@dataclass(slots=True)
class StoredDocument:
    """What there is of one student and tutorial.

    `document` is the last batch's (or what staff set), `overlay` what came after it; versions are places in the log, 0
    where there is no row.
    """

    asset_slug: str
    actor: str
    telemetry_id: str = ""
    document: dict[str, Any] | None = None
    overlay: dict[str, Any] | None = None
    completion_rate: float | None = None
    finished_at: datetime | None = None
    updated_at: datetime | None = None
    document_version: int = 0
    scores_version: int = 0

    def merged(self) -> dict[str, Any] | None:
        """The document as its reader should see it, None if there is none."""
        merged = merge_document(self.document, self.overlay)
        if self.document is None and merged is not None:
            return {"telemetry_id": self.telemetry_id, "slug": self.asset_slug, **merged}
        return merged


async def read_documents(
    clickhouse: ClickHouse, actors: Sequence[str], tutorials: Sequence[str] | Named = ()
) -> list[StoredDocument]:
    """What there is of some students, newest first; raises ReadError.

    `tutorials` are the slugs that it is kept under (none: all of them), or what a tutorial is named in documents, too.
    """
    if isinstance(tutorials, Named):
        parameters = {
            "actors": list(actors),
            "slugs": list(tutorials.slugs),
            "packages": list(map(str, tutorials.packages)),
        }
        stored = await clickhouse.rows(_NAMED, parameters)
        parameters["slugs"] = sorted({*tutorials.slugs, *(row["asset_slug"] for row in stored)})
        # Slugs that are none: no tutorial, and not all of them.
        scored = await clickhouse.rows(_SCORED, parameters) if parameters["slugs"] else []
    else:
        parameters = {"actors": list(actors), "slugs": list(tutorials)}
        stored, scored = await asyncio.gather(
            clickhouse.rows(_STORED, parameters), clickhouse.rows(_SCORED, parameters)
        )
    found: dict[tuple[str, str], StoredDocument] = {}
    for row in stored:
        document = orjson.loads(row["document"])
        found[row["asset_slug"], row["actor"]] = StoredDocument(
            asset_slug=row["asset_slug"],
            actor=row["actor"],
            telemetry_id=row["telemetry_id"],
            document=document if type(document) is dict else None,
            updated_at=row["updated_at"],
            document_version=row["version"],
        )
    for row in scored:
        key = row["asset_slug"], row["actor"]
        known = found.setdefault(key, StoredDocument(*key))
        known.telemetry_id = known.telemetry_id or row["telemetry_id"]
        known.overlay = orjson.loads(row["overlay"]) if row["overlay"] else None
        known.completion_rate = row["completion_rate"]
        known.finished_at = row["finished_at"]
        known.updated_at = max(row["updated_at"], known.updated_at or row["updated_at"])
        known.scores_version = row["version"]
    return sorted(found.values(), key=lambda known: known.scores_version, reverse=True)
