"""What the local stack raises when it cannot start."""

from __future__ import annotations

from typing import Final

from schemas.errors import OperatorError

__all__ = ["INSTALL_HINT", "LocalStackError"]

# Never by the bare name: that belongs to whoever registers it in an index.
INSTALL_HINT: Final = "Install the wheel with [local] behind its path or address; a checkout has it by `uv sync`."


class LocalStackError(OperatorError):
    """A part of the local stack cannot start or work; the text is one line that says why and what to do."""
