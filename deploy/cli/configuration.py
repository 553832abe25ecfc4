"""The settings of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError

from deploy.cli.console import run
from operations.generations import journal as generations
from schemas.settings import load_settings

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["live_settings", "settings"]


def settings(**overrides: Any) -> Settings:
    """The settings of this process; those that are None in `overrides` come from the environment."""
    return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def live_settings() -> Settings:
    """The same with the live generation; without Kafka, which the command itself will complain about, the first one."""
    current = settings()
    try:
        return run(generations.live_settings(current))
    except (KafkaError, OSError):
        return current
