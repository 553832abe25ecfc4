"""A console on which nothing that clients wrote is a command to the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.segment import Segment

from schemas.controls import without_controls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType

__all__ = ["Screen"]


class Screen(Console):
    """Rich's console, with control characters in texts written out; its own, such as a bar's, are not texts."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What Rich renders, each text as it may be shown."""
        for segment in super().render(renderable, options):
            shown = segment.text if segment.control else without_controls(segment.text)
            yield segment if shown is segment.text else Segment(shown, segment.style)
