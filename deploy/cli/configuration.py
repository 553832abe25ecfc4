"""The settings of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from deploy.cli.console import run
from operations.generations.journal import at_live, read_journal
from operations.generations.raw_topic import check_raw_topic, require_raw_topic
from schemas.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.settings import Settings

__all__ = ["live_settings", "log_settings", "settings"]


def settings(*, options: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """The settings of this process; those that are None in `overrides` come from the environment.

    `options` gives the option of a setting that came from one, such as `--url`, for what is said of a bad value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    named = {name: option for name, option in (options or {}).items() if name in given}
    return load_settings(options=named, **given)


def log_settings() -> Settings:
    """The same for a command to which the raw topic matters; raises RawTopicError where they name the wrong one."""
    current = settings()
    run(check_raw_topic(current))
    return current


def live_settings(*, any_topic: bool = False) -> Settings:
    """The same with the live generation; without Kafka, which the command itself will complain about, the first one.

    Raises RawTopicError as `log_settings`, unless `any_topic`: for commands that tell what is wrong.
    """
    current = settings()
    if "generation" in current.model_fields_set:
        if not any_topic:
            run(check_raw_topic(current))
        return current
    try:
        journal = run(read_journal(current))
    except (KafkaError, OSError):
        return current
    if not any_topic:
        require_raw_topic(current, journal)
    return at_live(current, journal)
