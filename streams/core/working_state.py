"""A state while a chunk works on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.core.known_starts import KNOWN_STARTS, let_go
from streams.core.lines import user_number
from streams.core.notebook.state import document_of
from streams.core.overlaid import Overlaid

if TYPE_CHECKING:
    from streams.core.state import Document, Overlay, State, Step

__all__ = ["Work", "WorkingState"]

# Clients post a batch for every step or so; only those that stream alone come to more items than this.
_LONG_OVERLAY: Final = 16


class Work:
    """What the records of a chunk have asked for beyond the usual: streamed items that were laid anew."""

    __slots__ = ("laid",)

    def __init__(self) -> None:
        self.laid = 0


class WorkingState:
    """A state while a chunk works on it.

    `changed` since the chunk began, `dirty` until its scores are written, `graded` and `user_id` as its last webhook
    found them, `size` in bytes as it was stored; `work` is the chunk's.
    """

    __slots__ = (
        "_overlaid",
        "_told",
        "actor",
        "asset_slug",
        "changed",
        "dirty",
        "graded",
        "size",
        "state",
        "user_id",
        "work",
    )

    def __init__(self, actor: str, asset_slug: str, state: State, work: Work, size: int = 0) -> None:
        self.actor = actor
        self.asset_slug = asset_slug
        self.state = state
        self.user_id = user_number(actor)
        self.graded = True
        self.dirty = False
        self.changed = False
        self.size = size
        self.work = work
        # No fewer than the starts of told items that the state has: each takes a byte at least.
        self._told = size
        self._overlaid: Overlaid | None = None

    def note_emitted(self, count: int) -> None:
        """So many facts have been told since: the starts of the oldest are let go where there are too many."""
        self._told += count
        if self._told > KNOWN_STARTS:
            self._told = let_go(self.state)

    def step_of(self, item: Overlay) -> Step | None:
        """The step that a streamed item is of, None where neither the document nor an earlier item names it."""
        overlaid = self.overlaid()
        index = overlaid.find(item)
        return None if index is None else overlaid.document.steps[index]

    def overlaid(self) -> Overlaid:
        """The document with its streamed items on top."""
        state = self.state
        if self._overlaid is None and state.overlaid is not None:
            self._overlaid = Overlaid.restored(state.document, state.overlaid, state.previous)
        elif self._overlaid is None:
            self._overlaid = Overlaid(state.document, state.overlay)
            self.work.laid += len(state.overlay)
        return self._overlaid

    def store_overlaid(self) -> None:
        """Before the state is stored: keep the overlaid with it if many items would have to be laid again."""
        state = self.state
        if len(state.overlay) < _LONG_OVERLAY:
            state.overlaid = state.previous = None
        else:
            overlaid = self.overlaid()
            state.overlaid, state.previous = overlaid.document, overlaid.previous

    @property
    def document(self) -> Document:
        """The same as a document; of a notebook, the one that its events make."""
        if self.state.notebook is not None and not self.has_learnpack:
            return document_of(self.state.notebook)
        if self.state.document is not None and not self.state.overlay:
            return self.state.document
        return self.overlaid().document

    @property
    def has_learnpack(self) -> bool:
        """Whether there is anything of LearnPack to compute: a document or streamed items."""
        return self.state.document is not None or bool(self.state.overlay)

    @property
    def computable(self) -> bool:
        """Whether there is anything to compute scores from."""
        return self.has_learnpack or self.state.notebook is not None

    def forget_overlaid(self) -> None:
        """The document or the order of the items has changed: lay them anew when asked."""
        self._overlaid = self.state.overlaid = None
