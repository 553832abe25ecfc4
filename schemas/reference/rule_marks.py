"""What tells ignore rules from others: whoever replaces rules may say which ones he has seen."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["mark_of"]


def mark_of(rules: Mapping[str, Any]) -> str:
    """The mark of rules (schemas.reference.rules.validate), 24 digits: the same of equal ones in whichever order."""
    return blake2b(orjson.dumps(rules, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
