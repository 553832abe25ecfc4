"""The scores row of a (student, tutorial), with the overlay that readers lay over its document.

docs/semantics.md, "Scores" and "Overlay".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from schemas.redaction import redacted
from schemas.times import day_of, sql_time
from streams.core.emit_facts import ITEM_KINDS
from streams.core.indicators import compute
from streams.core.kept import kept_root
from streams.core.lines import LATEST_MS
from streams.core.state import MISSING

if TYPE_CHECKING:
    from streams.core.state import Overlay, Step
    from streams.core.webhook import Webhook
    from streams.core.working_state import WorkingState

__all__ = ["COMPLETE", "MOST_ITEMS", "Scoring", "completion_rate", "overlay_of", "scores_line", "staff_fields"]

# A rounded completion rate from here on finishes a tutorial (docs/semantics.md, "Completion").
COMPLETE: Final = 99.999

# A line is written anew with each chunk, and has to fit into a message: of a client that never sends a batch, so many
# of the newest items are read back. Scores count all of them.
MOST_ITEMS: Final = 500

_NIL: Final = msgspec.Raw(b"\xc0")
_LIST_OF: Final = {kind.event: kind.field for kind in ITEM_KINDS}


def _millis(microseconds: int | None) -> int | None:
    return None if microseconds is None else microseconds // 1000


def completion_rate(working: WorkingState) -> float:
    """The rounded percentage of completed steps, as the indicators count them."""
    steps = working.document.steps
    done = sum(1 for step in steps if step.opened is not None and step.completed is not None)
    return round(done / len(steps) * 100, 2) if steps else 0.0


def staff_fields(working: WorkingState) -> dict[str, Any]:
    """The fields that staff set and no batch has replaced."""
    return {} if working.state.staff == _NIL else msgspec.msgpack.decode(working.state.staff) or {}


def _item(item: Overlay) -> dict[str, Any]:
    held: Any = item.attempt or item.quiz or item.interaction
    if held is None:
        return {}
    started, ended = held.started, held.ended
    out: dict[str, Any] = {
        "started_at": None if started is None else started // 1000,
        "ended_at": None if ended is None else ended // 1000,
    }
    if item.quiz is not None:
        out["status"] = "SUCCESS" if item.quiz.passed else "ERROR"
        out["quiz_hash"] = item.quiz.quiz_hash
    elif item.attempt is not None and item.attempt.code is not MISSING:
        out["exit_code"] = item.attempt.code
    return out


def overlay_of(working: WorkingState) -> dict[str, Any] | None:
    """What lies over the stored document (schemas.overlay has its shape), or None; the MOST_ITEMS newest items."""
    state = working.state
    # One of an earlier release may hold more.
    root = None if state.root == _NIL else kept_root(msgspec.msgpack.decode(state.root) or {})
    if "telemetry" in staff_fields(working) or (not state.overlay and root is None):
        return None
    stored = state.document.steps if state.document is not None else []
    overlaid = working.document
    steps: dict[int, dict[str, Any]] = {}
    for item in state.overlay[-MOST_ITEMS:]:
        index = working.overlaid().find(item)
        if index is None:
            continue
        if index not in steps:
            steps[index] = {"slug": overlaid.steps[index].slug, "position": overlaid.steps[index].position}
        if item.event != "open_step":
            steps[index].setdefault(_LIST_OF[item.event], []).append(_item(item))
    for index, laid in enumerate(overlaid.steps):
        if laid.opened is None and laid.completed is None:
            continue
        if instants := _instants(stored[index] if index < len(stored) else None, laid):
            steps.setdefault(index, {"slug": laid.slug, "position": laid.position}).update(instants)
    out: dict[str, Any] = {
        "last_interaction_at": _millis(overlaid.last),
        "steps": [steps[index] for index in sorted(steps)],
    }
    if root is not None:
        out["root"] = root
    return out


def _instants(known: Step | None, laid: Step) -> dict[str, Any]:
    """The instants that a step has by streamed items alone."""
    instants: dict[str, Any] = {}
    if laid.opened is not None and (known is None or known.opened is None):
        instants["opened_at"] = _millis(laid.opened)
    if laid.completed is not None and (known is None or known.completed is None):
        instants["completed_at"] = _millis(laid.completed)
    return instants


def scores_line(working: WorkingState, algorithm: float, redact: frozenset[str] = frozenset()) -> bytes:
    """The scores of a state as one JSON line; its overlay is without the keys that `redact` names.

    They are null where nothing is computed: no document yet, or an asset that is not graded.
    """
    state = working.state
    document = working.document
    row: dict[str, Any] = {
        "user_id": working.user_id,
        "actor": working.actor,
        "asset_slug": working.asset_slug,
        "asset_id": state.asset_id,
        "telemetry_id": state.telemetry_id,
        "engagement_score": None,
        "frustration_score": None,
        "completion_rate": None,
        "total_time_seconds": None,
        "metrics_algo_version": None,
        "metrics": None,
    }
    if working.graded and working.computable:
        indicators = compute(document, algorithm)
        row["engagement_score"] = indicators.engagement_score
        row["frustration_score"] = indicators.frustration_score
        row["completion_rate"] = indicators.completion_rate
        row["total_time_seconds"] = indicators.total_time
        row["metrics_algo_version"] = indicators.version
        row["metrics"] = indicators.result
    for name, value in staff_fields(working).items():
        if name == "total_time":
            row["total_time_seconds"] = value
        elif name in row:
            row[name] = value
    row["overlay"] = redacted(overlay_of(working), redact)
    last = _millis(document.last)
    row["last_interaction_at"] = None if last is None or not 0 <= last < LATEST_MS else sql_time(last)
    row["finished_at"] = None if state.finished_at is None else sql_time(state.finished_at)
    row["updated_at"] = sql_time(state.effective_at)
    row["version"] = state.version
    return orjson.dumps(row, option=orjson.OPT_NON_STR_KEYS)


class Scoring:
    """Appends the scores of touched states to `lines`: once a state and chunk, and once for each of its days."""

    __slots__ = ("_algorithm", "_lines", "_redact")

    def __init__(self, lines: list[bytes], algorithm: float, redact: frozenset[str] = frozenset()) -> None:
        self._lines = lines
        self._algorithm = algorithm
        self._redact = redact

    def write(self, working: WorkingState) -> None:
        """Write the scores as they are now."""
        working.dirty = False
        self._lines.append(scores_line(working, self._algorithm, self._redact))

    def close_day(self, working: WorkingState, now: int) -> None:
        """Before a webhook changes the state at `now` (ms): scores of a day that ended are those of its last webhook.

        So they do not depend on where chunks begin and end.
        """
        if working.dirty and day_of(working.state.effective_at) != day_of(now):
            self.write(working)

    def touch(self, working: WorkingState, webhook: Webhook, now: int) -> None:
        """Note that a webhook changed the state at `now` (ms): its scores are written at the end."""
        self.close_day(working, now)
        working.dirty = working.changed = True
        state = working.state
        state.version = webhook.version
        state.effective_at = now
        state.telemetry_id = webhook.telemetry_id or state.telemetry_id
