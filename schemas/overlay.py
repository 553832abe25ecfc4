"""A document with what streamed events brought after it: what the IDE and staff read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LISTS", "merge_document"]

# A step's lists, in which an overlay's items are appended.
LISTS: Final = ("compilations", "tests", "ai_interactions", "quiz_submissions")

_INSTANTS: Final = ("opened_at", "completed_at")


def _position(step: Any, index: int) -> Any:
    if type(step) is not dict:
        return index
    position = step.get("position")
    return index if position is None else position


def _find(steps: list[Any], added: Mapping[str, Any]) -> int | None:
    position, slug = added.get("position"), added.get("slug")
    if position is not None:
        for index, step in enumerate(steps):
            if type(step) is dict and _position(step, index) == position:
                return index
    if slug is not None:
        for index, step in enumerate(steps):
            if type(step) is dict and step.get("slug") == slug:
                return index
    return None


def _insert(steps: list[Any], added: Mapping[str, Any]) -> int:
    position = added.get("position")
    index = len(steps)
    if type(position) is int:
        later = (
            index
            for index, step in enumerate(steps)
            if type(other := _position(step, index)) is int and other > position
        )
        index = next(later, index)
    steps.insert(index, {"slug": added.get("slug"), "position": position})
    return index


def _merge_step(step: dict[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(step)
    for name in _INSTANTS:
        if merged.get(name) is None and added.get(name) is not None:
            merged[name] = added[name]
    for name in LISTS:
        if items := added.get(name):
            present = merged.get(name)
            merged[name] = [*(present if type(present) is list else ()), *items]
    return merged


def _merge_steps(steps: Any, added: list[Mapping[str, Any]]) -> list[Any]:
    merged = list(steps) if type(steps) is list else []
    for step in added:
        index = _find(merged, step)
        if index is None:
            index = _insert(merged, step)
        merged[index] = _merge_step(merged[index], step)
    return merged


def merge_document(document: dict[str, Any] | None, overlay: dict[str, Any] | None) -> dict[str, Any] | None:
    """The document as its reader should see it, with the overlay of its scores row on top.

    `overlay` is `{"last_interaction_at": ms | null, "root"?: {key: value…}, "steps": [{"slug", "position",
    "opened_at"?: ms, "completed_at"?: ms, and any of LISTS: [item…]}…]}`. Root keys replace the document's; a step is
    found by position, else by slug, else it is new; items are appended, instants are set where the document has none,
    and `last_interaction_at` only rises. Neither argument is changed.
    None where there is neither a document nor anything on top of one.
    """
    if not overlay:
        return document
    merged = dict(document) if document else {}
    merged.update(overlay.get("root") or {})
    if steps := overlay.get("steps"):
        merged["steps"] = _merge_steps(merged.get("steps"), steps)
    last = overlay.get("last_interaction_at")
    if last is not None and merged:
        present = parse_time(merged.get("last_interaction_at"))
        if present is None or present < last * 1000:
            merged["last_interaction_at"] = last
    return merged or document
