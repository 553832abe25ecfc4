"""Ignore rules from the command line: put in force, and who changed them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from broker.rule_changes import change_rules
from broker.rule_history import RuleHistory
from operations.directory import load_reference

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


async def rules_in_force(settings: Settings, academy: int) -> dict[str, Any]:
    """An academy's rules, `{}` where it has none; raises KafkaError."""
    rules = (await load_reference(settings)).rules(academy)
    return {} if rules is None else rules.stored


async def replace_rules(settings: Settings, academy: int, rules: dict[str, Any], who: Changer) -> None:
    """Put rules in force and keep who did it; raises as `change_rules` of broker.rule_changes."""
    before = await rules_in_force(settings, academy)
    await change_rules(settings, academy, before, rules, who, seconds=_CHANGE_SECONDS)


async def read_changes(settings: Settings, academy: int | None, limit: int) -> list[RuleChange]:
    """The newest changes of an academy's rules, or of all, the newest first; raises as `RuleHistory.read`."""
    history = RuleHistory(settings, most=_MOST, most_bytes=_MOST_BYTES)
    _, changes = await history.read(academy, limit=limit, seconds=_READ_SECONDS)
    return changes
