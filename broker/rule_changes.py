"""Ignore rules as they are put in force: with the change on a topic of its own, which keeps what a compacted one loses.

`change_rules` does it in these steps:

1. whoever else changes rules of the academy is fenced: what he has not committed by now he never will
2. the rules in force are read, and compared with those that the caller has seen
3. in one transaction the change is written: who, from what to what
4. and the rules
5. it is committed

Whoever is fenced begins anew, and finds at step 2 what the other one wrote: of several who have seen the same rules one
replaces them. Neither record comes before the other: a change that was written first would be told though its rules
never came into force, and rules that were would be in force with nobody to ask. Whoever dies before the last step
leaves nothing, and whoever does not hear of its end both or neither (docs/reliability.md, "A change of rules").
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson
import tenacity
from aiokafka.errors import ProducerFenced

from broker import clients
from broker.rules_in_force import rules_in_force
from schemas.errors import OperatorError
from schemas.reference.rule_marks import mark_of
from schemas.wire.rule_changes import encode_change
from schemas.wire.topics import RECORD_OVERHEAD, Topics

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.wire.rule_changes import Changer

__all__ = ["RulesChangedError", "TopicMissingError", "change_rules"]

_PARTITION: Final = 0
# Rules that nobody can follow meanwhile wait for a transaction that is left open.
_TRANSACTION_MS: Final = 10_000

# Two who fence each other must not go on doing it at the same pace; how long in all is the caller's to say.
_again_when_fenced: Final = tenacity.retry(
    retry=tenacity.retry_if_exception_type(ProducerFenced), wait=tenacity.wait_random(0.05, 0.4), reraise=True
)


class TopicMissingError(OperatorError):
    """There is no topic for changes of rules; the text says what to do."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic} is missing: run `learnpack-telemetry setup`.")


class RulesChangedError(OperatorError):
    """The rules in force are not those that the caller has seen; `current` is what they are."""

    def __init__(self, academy: int, current: dict[str, Any]) -> None:
        self.current = current
        super().__init__(
            f"somebody has changed the rules of academy {academy} meanwhile, so they stay as they are: look at them "
            f"(`learnpack-telemetry rules get {academy}`), then put yours again."
        )


async def change_rules(
    settings: Settings, academy: int, after: dict[str, Any], who: Changer, *, seen: str | None = None, seconds: float
) -> None:
    """Put an academy's rules in force and keep the change; `{}` takes rules back.

    `seen` is the mark (schemas.reference.rule_marks) of the rules that these are to replace, None for whichever. Raises
    RulesChangedError where others are in force; nothing is written then. Raises KafkaError, OSError or TimeoutError
    where it is not acknowledged within so many seconds; then both may be written still, or neither is. Raises
    TopicMissingError.
    """
    async with asyncio.timeout(seconds):
        await _change(settings, academy, after, who, seen)


@_again_when_fenced
async def _change(settings: Settings, academy: int, after: dict[str, Any], who: Changer, seen: str | None) -> None:
    topics, key = Topics.of(settings), b"%d" % academy
    producer = clients.producer(
        settings.kafka_options(),
        transactional_id=f"{topics.prefix}rules.{academy}",
        transaction_timeout_ms=_TRANSACTION_MS,
        max_request_size=settings.max_message_bytes + RECORD_OVERHEAD,
    )
    try:
        await producer.start()
        if topics.rule_changes not in (await producer.client.fetch_all_metadata()).topics():
            raise TopicMissingError(topics.rule_changes)
        before = await rules_in_force(settings, academy)
        if seen is not None and seen != mark_of(before):
            raise RulesChangedError(academy, before)
        change, headers = encode_change(before, after, who, limit=settings.max_message_bytes)
        await producer.begin_transaction()
        await producer.send_and_wait(topics.rule_changes, change, key, partition=_PARTITION, headers=headers)
        rules = orjson.dumps(after) if after else None
        await producer.send_and_wait(topics.ignore_rules, rules, key, partition=_PARTITION)
        await producer.commit_transaction()
    finally:
        await producer.stop()
        clients.hear_failures(producer)
