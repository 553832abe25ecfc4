"""Ignore rules as they are put in force: with the change on a topic of its own, which keeps what a compacted one loses.

`change_rules` does it in these steps, of one transaction:

1. the change is written: who, from what to what
2. the rules are written
3. it is committed

Neither comes before the other: a change that was written first would be told though its rules never came into force,
and rules that were would be in force with nobody to ask. Whoever dies before the third step leaves nothing, and whoever
does not hear of its end both or neither (docs/reliability.md, "A change of rules").
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Final

import orjson

from broker import clients
from schemas.errors import OperatorError
from schemas.wire.rule_changes import encode_change
from schemas.wire.topics import RECORD_OVERHEAD, Topics

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.wire.rule_changes import Changer

__all__ = ["TopicMissingError", "change_rules"]

_PARTITION: Final = 0
# Rules that nobody can follow meanwhile wait for a transaction that is left open.
_TRANSACTION_MS: Final = 10_000


class TopicMissingError(OperatorError):
    """There is no topic for changes of rules; the text says what to do."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic} is missing: run `learnpack-telemetry setup`.")


async def change_rules(
    settings: Settings, academy: int, before: dict[str, Any], after: dict[str, Any], who: Changer, *, seconds: float
) -> None:
    """Put an academy's rules in force and keep the change; `before` are those in force, `{}` takes rules back.

    Raises KafkaError, OSError or TimeoutError where that is not acknowledged within so many seconds; then both may be
    written still, or neither is. Raises TopicMissingError.
    """
    topics, key = Topics.of(settings), b"%d" % academy
    value, headers = encode_change(before, after, who, limit=settings.max_message_bytes)
    producer = clients.producer(
        settings.kafka_options(),
        # One of its own, so that none fences another; what is left of them the broker forgets.
        transactional_id=f"{topics.prefix}rules.{uuid.uuid4().hex}",
        transaction_timeout_ms=_TRANSACTION_MS,
        max_request_size=settings.max_message_bytes + RECORD_OVERHEAD,
    )
    try:
        async with asyncio.timeout(seconds):
            await producer.start()
            if topics.rule_changes not in (await producer.client.fetch_all_metadata()).topics():
                raise TopicMissingError(topics.rule_changes)
            await producer.begin_transaction()
            await producer.send_and_wait(topics.rule_changes, value, key, partition=_PARTITION, headers=headers)
            rules = orjson.dumps(after) if after else None
            await producer.send_and_wait(topics.ignore_rules, rules, key, partition=_PARTITION)
            await producer.commit_transaction()
    finally:
        await clients.stop_in_time(producer)
