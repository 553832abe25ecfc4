"""The JSON lines of derived records, written column by column as ClickHouse reads them (JSONEachRow)."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.caches import cached
from schemas.coercion import digits_as_id
from schemas.times import sql_time
from schemas.wire.names import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.core.state import Origin

__all__ = ["LATEST_MS", "FactLines", "document_key", "document_row", "item_id", "outcome_line", "user_number"]

# Instants outside these (1970 to 2100, in milliseconds) come from wrong clocks; a fact then happened when it arrived.
LATEST_MS: Final = 4_102_444_800_000
# In characters, of what an outcome says: clients invent events and slugs, and texts repeat them.
_LONGEST_NAME: Final = 255
_LONGEST_TEXT: Final = 2_000
_LONGEST_CACHED: Final = 256


def user_number(actor: str | None) -> int | None:
    """The user id of an actor, or None for an anonymous or non-numeric one."""
    return digits_as_id(actor)


def document_key(actor: str, asset_slug: str) -> bytes:
    """The key of what is told of one (student, tutorial) as a whole: its document, and that it is completed."""
    return f"{actor}:{asset_slug}".encode("utf-8", "surrogatepass")


def document_row(
    actor: str,
    asset_slug: str,
    *,
    id: int,  # noqa: A002 - a column
    telemetry_id: str,
    updated_at: int,
    version: int,
) -> dict[str, Any]:
    """The columns of a document's row but the document itself; `updated_at` in milliseconds."""
    return {
        "id": id,
        "user_id": user_number(actor),
        "actor": actor,
        "asset_slug": asset_slug,
        "telemetry_id": telemetry_id,
        "updated_at": sql_time(updated_at),
        "version": version,
    }


def _identity(text: bytes) -> str:
    return str(int.from_bytes(blake2b(text, digest_size=16).digest(), "big"))


def item_id(actor: str, asset: str, step_slug: str, event: str, *own_numbers: int) -> str:
    """The identity of a fact as a UInt128's decimal text.

    `own_numbers` are the item's own start (microseconds), or its webhook id and ordinal where it has none; nothing
    for what happens once per step or tutorial (docs/semantics.md, "Facts").
    """
    return _identity(orjson.dumps((actor, asset, step_slug, event, *own_numbers)))


class FactLines:
    """Writes the facts of one webhook and one asset; what they share is encoded once."""

    __slots__ = ("_asset", "_head", "_lines", "_ordinal", "_origin", "_step", "_step_columns", "_step_identity")

    def __init__(self, origin: Origin, asset_slug: str, asset_id: int | None, lines: list[bytes]) -> None:
        """Append to `lines` the facts that `origin` tells about one asset.

        Where the asset is unknown its slug is empty, and the telemetry_id stands in for it in the identity.
        """
        self._origin = origin
        self._lines = lines
        self._ordinal = 0
        # The beginning of what item_id encodes.
        self._asset = orjson.dumps((origin.actor, asset_slug or f"?{origin.telemetry_id}"))[:-1]
        self._step: tuple[str, int | None] | None = None
        self._step_columns = ""
        self._step_identity = b""
        columns = {
            "received_at": sql_time(origin.received_at),
            "academy_id": origin.academy_id,
            "user_id": user_number(origin.actor),
            "actor": origin.actor,
            "telemetry_id": origin.telemetry_id,
            "asset_slug": asset_slug,
            "asset_id": asset_id,
            "package_id": origin.package_id,
            "source": origin.source,
            "webhook_id": origin.webhook_id,
        }
        self._head = orjson.dumps(columns)[:-1].decode()

    @property
    def count(self) -> int:
        """How many facts this webhook has told so far."""
        return self._ordinal

    def _at_step(self, slug: str, position: int | None) -> None:
        if self._step != (slug, position):
            encoded = orjson.dumps(slug)
            self._step = slug, position
            self._step_columns = (
                f'"step_slug":{encoded.decode()},"step_position":{"null" if position is None else position}'
            )
            self._step_identity = b"%b,%b" % (self._asset, encoded)

    def write(
        self,
        event: str,
        step_slug: str,
        step_position: int | None,
        at: int | None,
        details: str,
        *,
        own_start: int | None = None,
        once: bool = False,
        version: int | None = None,
        deleted: bool = False,
    ) -> None:
        """Append one fact that happened at `at` (microseconds, None when unknown), with its `details` columns.

        `own_start` is the item's own start, `once` marks what happens once per step or tutorial, `version` defaults to
        the webhook's version and `deleted` takes an earlier fact back.
        """
        self._at_step(step_slug, step_position)
        origin, ordinal = self._origin, self._ordinal
        self._ordinal = ordinal + 1
        name = event.encode()
        if once:
            identity = b'%b,"%b"]' % (self._step_identity, name)
        elif own_start is None:
            identity = b'%b,"%b",%d,%d]' % (self._step_identity, name, origin.webhook_id, ordinal)
        else:
            identity = b'%b,"%b",%d]' % (self._step_identity, name, own_start)
        milliseconds = origin.received_at if at is None else at // 1000
        if not 0 <= milliseconds < LATEST_MS:
            milliseconds = origin.received_at
        self._lines.append(
            (
                f'{self._head},"event":"{event}","occurred_at":"{sql_time(milliseconds)}",{self._step_columns},{details},'
                f'"ordinal":{ordinal},"item_id":"{_identity(identity)}",'
                f'"version":{origin.version if version is None else version},"deleted":{1 if deleted else 0}}}'
            ).encode()
        )


def outcome_line(
    webhook_id: int,
    *,
    is_streaming: bool,
    event: str,
    academy_ids: Sequence[int],
    student_id: int | None,
    asset_id: int | None,
    package_slug: str,
    learnpack_package_id: int | None,
    status: str,
    status_text: str,
    verdict: str,
    result: Any,
    source: str,
    created_at: int,
    updated_at: int,
    version: int,
) -> bytes:
    """The final status row of a webhook; instants are in milliseconds, and what a client invents is cut."""
    event, package_slug, status_text = (
        name_of(event[:_LONGEST_NAME]),
        name_of(package_slug[:_LONGEST_NAME]),
        status_text[:_LONGEST_TEXT],
    )
    created = sql_time(created_at)
    updated = created if updated_at == created_at else sql_time(updated_at)
    return (
        f'{{"id":{webhook_id},"is_streaming":{1 if is_streaming else 0},"event":{_quoted(event)},'
        f'"academy_ids":{orjson.dumps(academy_ids).decode() if academy_ids else "[]"},'
        f'"student_id":{"null" if student_id is None else student_id},'
        f'"asset_id":{"null" if asset_id is None else asset_id},"package_slug":{_quoted(package_slug)},'
        f'"learnpack_package_id":{"null" if learnpack_package_id is None else learnpack_package_id},'
        f'"status":"{status}","status_text":{_quoted(status_text)},"verdict":"{verdict}",'
        f'"result":{"null" if result is None else orjson.dumps(result).decode()},"source":"{source}",'
        f'"created_at":"{created}","updated_at":"{updated}","version":{version},"deleted":0}}'
    ).encode()


@cached(8192, longest=_LONGEST_CACHED)
def _quoted(text: str) -> str:
    """JSON of a text that recurs: an event, a slug, a verdict's text."""
    return orjson.dumps(text).decode()
