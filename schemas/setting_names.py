"""What to say of a name that is no setting."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["unknown"]


def unknown(name: str, known: Collection[str], prefix: str) -> str:
    """One line that names it, and which of the known ones was meant, or all of them; each begins with `prefix`."""
    # Without the prefix, for with it every two names are alike.
    near = difflib.get_close_matches(name.removeprefix(prefix), [other.removeprefix(prefix) for other in known], n=1)
    hint = f"did you mean {prefix}{near[0]}?" if near else f"known ones: {', '.join(sorted(known))}."
    return f"{name} is not a setting; {hint} Correct its name or unset it."
