"""What the local stack raises when it cannot start."""

from __future__ import annotations

from typing import Final

from schemas.errors import OperatorError

__all__ = ["INSTALL_HINT", "LocalStackError"]

INSTALL_HINT: Final = 'Install it with: pip install "learnpack-telemetry[local]"'


class LocalStackError(OperatorError):
    """A part of the local stack cannot start or work; the text is one line that says why and what to do."""
