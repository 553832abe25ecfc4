"""What `rules put` says and asks before rules take effect."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from deploy.cli.console import Failed, err, run
from operations.absence import absence, address_of
from operations.directory import load_reference
from operations.rule_trial import try_rules
from operations.wording import counted
from schemas.reference.rule_warnings import rule_warnings
from schemas.reference.rules import Rules

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["agree_to", "warn_of"]

_DAYS: Final = 7
_MOST_WARNINGS: Final = 20


def warn_of(body: Any) -> bool:
    """Say what is odd about rules; whether anything is."""
    warnings = rule_warnings(body)
    for warning in warnings[:_MOST_WARNINGS]:
        err.print(f"warning: {warning.text()}", markup=False)
    if len(warnings) > _MOST_WARNINGS:
        err.print(f"warning: {len(warnings) - _MOST_WARNINGS} more like these.", markup=False)
    return bool(warnings)


def agree_to(settings: Settings, academy: int, body: Any, cleaned: dict[str, Any], *, yes: bool, can_ask: bool) -> None:
    """Say what is odd about rules and what they would have ignored; return once they may take effect.

    Rules with something odd take effect only when somebody says so, by `yes` or as an answer. Rules that would ignore
    webhooks are asked about at a terminal alone: scripts say what they mean. Raises Failed where nobody agrees.
    """
    odd = warn_of(body)
    ignores = bool(cleaned) and _tried(settings, academy, cleaned)
    if yes or not (odd or (ignores and sys.stdin.isatty())):
        return
    if can_ask:
        err.print(f"Replace the rules of academy {academy}? [y/N] ", end="", markup=False)
        if sys.stdin.readline().strip().casefold() in {"y", "yes"}:
            return
        err.print()
    message = f"the rules of academy {academy} stay as they are; correct the new ones, or add --yes to take them so."
    raise Failed(message)


def _tried(settings: Settings, academy: int, cleaned: dict[str, Any]) -> bool:
    """Say how many webhooks of the last days the rules would have ignored; whether there are any, or nobody knows."""
    since = datetime.now(UTC) - timedelta(days=_DAYS)
    try:
        trial = try_rules(settings, academy, Rules.compile(cleaned), run(load_reference(settings)), since)
    except ClickHouseError as error:
        away = absence(error, address_of(settings.clickhouse), "TELEMETRY_CLICKHOUSE")
        reason = away or f"fails: {str(error).splitlines()[0]}"
        err.print(f"What they would have ignored is not known, for ClickHouse {reason}.", markup=False)
        return True
    err.print(
        f"They would have ignored {trial.ignored} of {counted(trial.webhooks, 'webhook')} of the last {_DAYS} days, "
        f"of {trial.ignored_students} of {counted(trial.students, 'student')}.",
        markup=False,
    )
    return trial.ignored > 0
