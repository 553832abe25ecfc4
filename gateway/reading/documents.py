"""Students' documents as ClickHouse has them, with what streamed events brought after the last batch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from gateway.reading.members import join, members
from schemas.overlay import merge_document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.reading.store import Reader

__all__ = ["Named", "StoredDocument", "find_documents", "read_texts"]

# A document is large: who it is of and how large it is are asked first, the texts of those that are shown afterwards.
_STORED: Final = """
SELECT asset_slug, actor, telemetry_id, length(document) AS bytes, updated_at, version FROM telemetry
WHERE actor IN {actors:Array(String)} AND (empty({slugs:Array(String)}) OR asset_slug IN {slugs:Array(String)})
"""

# A document is kept under the slug of its asset, and says what its client calls the tutorial.
_NAMED: Final = """
SELECT asset_slug, actor, telemetry_id, length(document) AS bytes, updated_at, version FROM telemetry
WHERE actor IN {actors:Array(String)}
    AND (asset_slug IN {slugs:Array(String)}
        OR hasAny([JSONExtractString(document, 'slug'), JSONExtractString(document, 'package_slug')],
            {slugs:Array(String)})
        OR has({packages:Array(String)}, trim(BOTH '" ' FROM JSONExtractRaw(document, 'package_id'))))
"""

_SCORED: Final = """
SELECT asset_slug, actor, telemetry_id, length(ifNull(overlay, '')) AS bytes, completion_rate, finished_at, updated_at,
    version
FROM scores
WHERE actor IN {actors:Array(String)} AND (empty({slugs:Array(String)}) OR asset_slug IN {slugs:Array(String)})
"""

_DOCUMENTS: Final = """
SELECT asset_slug, actor, document AS text FROM telemetry
WHERE actor IN {actors:Array(String)} AND asset_slug IN {slugs:Array(String)}
    AND has({keys:Array(String)}, concat(actor, ' ', asset_slug))
"""

_OVERLAYS: Final = """
SELECT asset_slug, actor, ifNull(overlay, '') AS text FROM scores
WHERE actor IN {actors:Array(String)} AND asset_slug IN {slugs:Array(String)}
    AND has({keys:Array(String)}, concat(actor, ' ', asset_slug))
"""


class Named(NamedTuple):
    """A tutorial as its clients and the directory call it: by slugs and by LearnPack's package ids."""

    slugs: Sequence[str]
    packages: Sequence[int]


@dataclass(slots=True)
class StoredDocument:
    """What there is of one student and tutorial, but for the texts.

    `bytes` is the length of the document and of what streamed events brought after it; versions are places in the log,
    0 where there is no row.
    """

    asset_slug: str
    actor: str
    telemetry_id: str = ""
    bytes: int = 0
    completion_rate: float | None = None
    finished_at: datetime | None = None
    updated_at: datetime | None = None
    document_version: int = 0
    scores_version: int = 0


async def find_documents(
    clickhouse: Reader, actors: Sequence[str], tutorials: Sequence[str] | Named = ()
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
    documents: dict[tuple[str, str], StoredDocument] = {}
    for row in stored:
        documents[row["asset_slug"], row["actor"]] = StoredDocument(
            asset_slug=row["asset_slug"],
            actor=row["actor"],
            telemetry_id=row["telemetry_id"],
            bytes=row["bytes"],
            updated_at=row["updated_at"],
            document_version=row["version"],
        )
    for row in scored:
        key = row["asset_slug"], row["actor"]
        known = documents.setdefault(key, StoredDocument(*key))
        known.telemetry_id = known.telemetry_id or row["telemetry_id"]
        known.bytes += row["bytes"]
        known.completion_rate = row["completion_rate"]
        known.finished_at = row["finished_at"]
        known.updated_at = max(row["updated_at"], known.updated_at or row["updated_at"])
        known.scores_version = row["version"]
    return sorted(
        documents.values(), key=lambda known: (known.scores_version, known.asset_slug, known.actor), reverse=True
    )


async def read_texts(
    clickhouse: Reader, documents: Sequence[StoredDocument], *, steps: bool = True
) -> list[orjson.Fragment | None]:
    """Each document as its reader should see it, with what streamed events added, as JSON; None where there is none.

    Without `steps` that key is left out. All of them are read at once: hold `clickhouse.room` for their bytes. Raises
    ReadError.
    """
    if not documents:
        return []
    parameters = {
        "actors": sorted({known.actor for known in documents}),
        "slugs": sorted({known.asset_slug for known in documents}),
        "keys": [f"{known.actor} {known.asset_slug}" for known in documents],
    }
    stored, scored = await asyncio.gather(
        clickhouse.rows(_DOCUMENTS, parameters, as_bytes=("text",)),
        clickhouse.rows(_OVERLAYS, parameters, as_bytes=("text",)),
    )

    def merged() -> list[orjson.Fragment | None]:
        texts, overlays = _by_key(stored), _by_key(scored)
        fragments = []
        for known in documents:
            key = known.asset_slug, known.actor
            text = _merged(known, texts.pop(key, b""), overlays.pop(key, b""), steps=steps)
            fragments.append(None if text is None else orjson.Fragment(text))
        return fragments

    return await asyncio.to_thread(merged)


def _by_key(rows: list[dict[str, Any]]) -> dict[tuple[str, str], bytes]:
    return {(row["asset_slug"], row["actor"]): row.pop("text") for row in rows}


def _merged(known: StoredDocument, text: bytes, added: bytes, *, steps: bool) -> bytes | None:
    if not added and (document_members := members(text)) is not None:
        # Nothing of it changes, so nothing of it has to be read.
        if steps or document_members.pop("steps", None) is None:
            return text
        return join(document_members)
    value = orjson.loads(text) if text else None
    document = value if type(value) is dict else None
    merged = merge_document(document, orjson.loads(added) if added else None)
    if document is None and merged is not None:
        merged = {"telemetry_id": known.telemetry_id, "slug": known.asset_slug, **merged}
    if merged is None:
        return None
    return orjson.dumps(merged if steps else {name: value for name, value in merged.items() if name != "steps"})
