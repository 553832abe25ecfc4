"""How long is kept what was received: as long as it is kept already, unless a setting says otherwise.

A default never shortens anything: whoever has set more once, and starts a part or runs `setup` without the setting,
would lose what is older within seconds (docs/operations.md, "Retention").
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.days_kept import DAYS_KEPT, MARGIN_DAYS, days_kept_of, ttl_days
from schemas.setting_types import MOST_DAYS
from schemas.wire.rows import RAW, WEBHOOKS
from schemas.wire.topics import Topics
from sinks.table_fit import made_tables
from sinks.templates import Installation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiokafka.admin import AIOKafkaAdminClient
    from clickhouse_connect.driver.client import Client

    from schemas.days_kept import DaysKept
    from schemas.settings import Settings

__all__ = ["as_tables_keep", "as_topics_keep", "days_kept", "days_stored"]

_DAY_MS: Final = 86_400_000
_RETENTION: Final = "retention.ms"


async def days_kept(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, int | None]:
    """The days that topics that there are keep their records, begun ones counted whole; None where they do for ever.

    A topic is left out where the asker may not know. Raises aiokafka's KafkaError.
    """
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic, {_RETENTION: None}) for topic in topics]
    answers = await admin.describe_configs(asked)
    found: dict[str, int | None] = {}
    for resource in chain.from_iterable(answer.resources for answer in answers):
        told = {entry[0]: entry[1] for entry in resource[4]}.get(_RETENTION)
        if told is None:
            # Without the right DescribeConfigs the answer is an error, and no entries.
            continue
        kept = int(told)
        found[resource[3]] = None if kept < 0 else -(-kept // _DAY_MS)
    return found


async def as_topics_keep(settings: Settings, admin: AIOKafkaAdminClient, known: Mapping[str, int]) -> Settings:
    """These settings; with the days that the raw topic keeps, if those are more and none were set.

    `known` has the topics that there are. Raises aiokafka's KafkaError.
    """
    raw = Topics.of(settings).raw
    if raw not in known or "raw_retention_days" in settings.model_fields_set:
        return settings
    kept = (await days_kept(admin, [raw])).get(raw, 0)
    return _with(settings, raw_retention_days=MOST_DAYS if kept is None else kept)


def days_stored(client: Client, settings: Settings) -> DaysKept:
    """For how many days the tables of the settings' generation keep webhooks and their outcomes.

    Raises ClickHouse's errors.
    """
    installation = Installation.of(settings)
    parameters = {"databases": [installation.public, installation.derived]}
    return days_kept_of(client.query(DAYS_KEPT, parameters=parameters).named_results())


def as_tables_keep(client: Client, settings: Settings, live: int | None) -> Settings:
    """The same of the table `raw`, and of `webhooks` of this generation and of the `live` one, if there is one."""
    found = {"raw_retention_days": 0, "webhook_retention_days": 0}
    for generation in {settings.generation, live or settings.generation}:
        installation = Installation.of(settings.model_copy(update={"generation": generation}))
        made = made_tables(client, installation)
        for setting, table, beside in (
            ("raw_retention_days", RAW.name, 0),
            ("webhook_retention_days", WEBHOOKS.name, MARGIN_DAYS),
        ):
            days = ttl_days(made.get(installation.full_name(table), ("", ""))[0])
            if days is not None:
                found[setting] = max(found[setting], days - beside)
    return _with(settings, **found)


def _with(settings: Settings, **days: int) -> Settings:
    # What a table says beyond that has wrapped around, and removes everything.
    within = {name: min(kept, MOST_DAYS) for name, kept in days.items()}
    more = {
        name: kept
        for name, kept in within.items()
        if name not in settings.model_fields_set and kept > getattr(settings, name)
    }
    return settings.model_copy(update=more) if more else settings
