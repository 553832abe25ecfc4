"""Checks of what a part's user may do in Kafka, right by right of operations.acls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError

from broker import clients
from broker.authorized import may_transact, operations_on_group, operations_on_topics
from operations.acls import acls_of
from operations.doctor.findings import failed, good, warning
from operations.doctor.kafka import reach_kafka
from operations.granting import tool_options
from schemas.errors import text_of
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiokafka.admin import AIOKafkaAdminClient

    from broker.authorized import Operation
    from operations.acls import Acl, Part
    from operations.doctor.findings import Finding
    from schemas.settings import Settings

__all__ = ["check_rights"]

_PART: Final = "kafka"
_CHECK: Final = "rights"
_TIMEOUT_SECONDS: Final = 60.0
# Ends a name that no part has: to ask about it is to ask about all that begin so.
_NOBODY: Final = "doctor"


async def check_rights(settings: Settings, part: Part) -> AsyncIterator[Finding]:
    """Ask, as the user of these settings, for each right that a part needs; a finding for each that is missing."""
    reached = await reach_kafka(settings)
    yield reached
    if reached.state == "failed":
        return
    rights = acls_of(part, settings)
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            async with clients.opened(clients.admin(settings.kafka_options())) as admin:
                topics = await operations_on_topics(admin, _topics(settings, rights))
                lacking = [(right, await _lacking(admin, right, topics)) for right in rights]
    except (KafkaError, OSError, TimeoutError) as error:
        mend = "Look into the broker's log: it answers some requests and not this one."
        yield failed(_PART, _CHECK, f"cannot be asked for: {text_of(error)}", mend)
        return
    found = [(right, names) for right, names in lacking if names]
    for right, names in found:
        detail = f"the {part}'s user may not {' and '.join(names)} {right}, {right.reason}"
        options = " ".join(tool_options(right, names))
        mend = f"As an administrator: learnpack-telemetry acls --part {part} --apply (this one is {options})"
        yield failed(_PART, _CHECK, detail, mend)
    if unseen := [name for name, operations in topics.items() if operations is None]:
        detail = f"{len(unseen)} of the topics are not there, {unseen[0]} among them"
        yield warning(_PART, _CHECK, detail, "Run: learnpack-telemetry setup; then ask again.")
    elif not found:
        yield good(_PART, _CHECK, f"all {len(rights)} that the {part} needs")


def _topics(settings: Settings, rights: tuple[Acl, ...]) -> list[str]:
    """The topics that rights are about: to ask about others would be a refusal in the broker's log."""
    names = [spec.name for spec in Topics.of(settings).specs(settings)]
    return [name for name in names if any(right.resource == "topic" and right.covers(name) for right in rights)]


async def _lacking(
    admin: AIOKafkaAdminClient, right: Acl, topics: dict[str, frozenset[Operation] | None]
) -> list[Operation]:
    """Which operations of a right the user has not."""
    if right.resource == "topic":
        # Each by itself: another right may be about one of them.
        allowed = [has for name, has in topics.items() if has is not None and right.covers(name)]
        return [one for one in right.operations if any(one not in has for has in allowed)]
    name = right.name + _NOBODY if right.prefixed else right.name
    if right.resource == "group":
        has = await operations_on_group(admin, name)
        return [one for one in right.operations if one not in has]
    return [] if await may_transact(admin, name) else list(right.operations)
