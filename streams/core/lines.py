"""The JSON lines of derived records, written column by column as ClickHouse reads them (JSONEachRow)."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.times import sql_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.core.state import Origin

__all__ = ["LATEST_MS", "FactLines", "item_id", "outcome_line", "user_number"]

# Instants outside these (1970 to 2100, in milliseconds) come from wrong clocks; a fact then happened when it arrived.
LATEST_MS: Final = 4_102_444_800_000
_MAX_USER: Final = (1 << 63) - 1


def user_number(actor: str | None) -> int | None:
    """The user id of an actor, or None for an anonymous or non-numeric one."""
    if actor is None or not actor.isascii() or not actor.isdigit():
        return None
    number = int(actor)
    return number if number <= _MAX_USER else None


def item_id(actor: str, asset_slug: str, step_slug: str, event: str, *own: int) -> str:
    """The identity of a fact as a UInt128's decimal text.

    `own` is the item's own start (microseconds), or its webhook id and ordinal where it has none; nothing for what
    happens once per step or tutorial (contract.md, `item_id`).
    """
    identity = orjson.dumps((actor, asset_slug, step_slug, event, *own))
    return str(int.from_bytes(blake2b(identity, digest_size=16).digest(), "big"))


class FactLines:
    """Writes the facts of one webhook and one asset; their common columns are encoded once."""

    __slots__ = ("_actor", "_asset", "_head", "_lines", "_ordinal", "_origin", "_received")

    def __init__(self, origin: Origin, asset_slug: str, asset_id: int | None, lines: list[bytes]) -> None:
        """Append to `lines` the facts that `origin` tells about one asset.

        Where the asset is unknown its slug is empty, and the telemetry_id stands in for it in the identity.
        """
        self._actor = origin.actor
        self._asset = asset_slug or f"?{origin.telemetry_id}"
        self._origin = origin
        self._received = origin.received_at
        self._lines = lines
        self._ordinal = 0
        self._head = (
            orjson.dumps(
                {
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
            )[:-1]
            + b","
        )

    @property
    def count(self) -> int:
        """How many facts this webhook has told so far."""
        return self._ordinal

    def write(
        self,
        event: str,
        step_slug: str,
        step_position: int | None,
        at: int | None,
        *,
        details: Mapping[str, Any],
        own: int | None = None,
        once: bool = False,
        version: int | None = None,
        deleted: bool = False,
    ) -> None:
        """Append one fact that happened at `at` (microseconds, None when unknown).

        `own` is the item's own start, `once` marks what happens once per step or tutorial, `version` defaults to the
        webhook's version and `deleted` takes an earlier fact back.
        """
        ordinal = self._ordinal
        self._ordinal = ordinal + 1
        if once:
            identity: Sequence[int] = ()
        elif own is None:
            identity = (self._origin.webhook_id, ordinal)
        else:
            identity = (own,)
        milliseconds = self._received if at is None else at // 1000
        if not 0 <= milliseconds < LATEST_MS:
            milliseconds = self._received
        tail = {
            "event": event,
            "occurred_at": sql_time(milliseconds),
            "step_slug": step_slug,
            "step_position": step_position,
            **details,
            "ordinal": ordinal,
            "item_id": item_id(self._actor, self._asset, step_slug, event, *identity),
            "version": self._origin.version if version is None else version,
            "deleted": int(deleted),
        }
        self._lines.append(self._head + orjson.dumps(tail)[1:])


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
    """The final status row of a webhook; instants are in milliseconds."""
    return orjson.dumps(
        {
            "id": webhook_id,
            "is_streaming": int(is_streaming),
            "event": event,
            "academy_ids": academy_ids,
            "student_id": student_id,
            "asset_id": asset_id,
            "package_slug": package_slug,
            "learnpack_package_id": learnpack_package_id,
            "status": status,
            "status_text": status_text,
            "verdict": verdict,
            "result": result,
            "source": source,
            "created_at": sql_time(created_at),
            "updated_at": sql_time(updated_at),
            "version": version,
            "deleted": 0,
        }
    )
