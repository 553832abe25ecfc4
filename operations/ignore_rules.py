"""Ignore rules from the command line: put in force, and who changed them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from broker.rule_changes import change_rules
from broker.rule_history import RuleHistory
from broker.rules_in_force import rules_in_force

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.wire.rule_changes import Changer, RuleChange

__all__ = ["read_changes", "replace_rules", "rules_in_force"]

# A broker may be away for a moment, and who asks waits.
_CHANGE_SECONDS: Final = 30.0
_READ_SECONDS: Final = 60.0
# All of a topic that is written by hand.
_MOST: Final = 1_000_000
_MOST_BYTES: Final = 1 << 30


async def replace_rules(
    settings: Settings, academy: int, rules: dict[str, Any], who: Changer, *, seen: str | None = None
) -> None:
    """Put rules in force, if those with the mark `seen` are, and keep who did it; raises as broker.rule_changes."""
    await change_rules(settings, academy, rules, who, seen=seen, seconds=_CHANGE_SECONDS)


async def read_changes(settings: Settings, academy: int | None, limit: int) -> list[RuleChange]:
    """The newest changes of an academy's rules, or of all, the newest first; raises as `RuleHistory.read`."""
    history = RuleHistory(settings, most=_MOST, most_bytes=_MOST_BYTES)
    _, changes = await history.read(academy, limit=limit, seconds=_READ_SECONDS)
    return changes
