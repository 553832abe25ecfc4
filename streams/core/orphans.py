"""Streamed items that came before the batch which names their tutorial.

They are told at once, with an empty asset. When a batch of their telemetry_id names it, those facts are taken back and
told again under the asset, as if they had come after that batch (docs/semantics.md, "Events before their batch").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.core.bounds import check_streamed
from streams.core.errors import Refused
from streams.core.fold import fold_streamed
from streams.core.lines import FactLines
from streams.core.state import Orphan

if TYPE_CHECKING:
    from streams.core.state import Origin, Overlay, Run
    from streams.core.working_state import WorkingState

__all__ = ["MOST", "adopt", "emit_orphan", "keep"]

# Per telemetry_id. A client posts its batch within minutes; one that never does must not grow a value without end.
MOST: Final = 500


def emit_orphan(origin: Origin, item: Overlay, details: str, facts: list[bytes], **changes: Any) -> None:
    """Tell the fact of an item whose tutorial is unknown."""
    once = item.event == "open_step" and origin.telemetry_id != ""
    slug = item.slug or f"#{item.position}"
    FactLines(origin, "", None, facts).write(
        item.event, slug, item.position, item.at, details, own_start=item.own_start, once=once, **changes
    )


def keep(run: Run, origin: Origin, item: Overlay, details: str) -> bool:
    """Keep an item until its asset is known, unless it is kept already; whether it is new."""
    start = item.own_start
    if start is not None or item.event == "open_step":
        for known in run.orphans:
            other = known.item
            if (other.event, other.slug, other.position, other.own_start) == (
                item.event,
                item.slug,
                item.position,
                start,
            ):
                return False
    if len(run.orphans) < MOST:
        run.orphans.append(Orphan(origin, item, details))
    return True


def adopt(run: Run, working: WorkingState, asset_id: int | None, version: int, facts: list[bytes]) -> None:
    """Take back what was told of the run's items without an asset, and fold them into the state.

    What the state has no room for stays told as it was.
    """
    for orphan in run.orphans:
        try:
            check_streamed(working, orphan.item)
        except Refused:
            continue
        emit_orphan(orphan.origin, orphan.item, orphan.details, facts, version=version, deleted=True)
        told = FactLines(orphan.origin, working.asset_slug, asset_id, facts)
        fold_streamed(working, orphan.item, orphan.details, told)
        working.note_emitted(told.count)
