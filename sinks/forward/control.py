"""Whether forwarders are paused: a topic says so, so that all of a name know it, and whoever starts later."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka import TopicPartition

from broker import clients
from broker.reading import read_cells, written_ends
from broker.topic_ids import topic_ids
from schemas.wire.forwarding import MessageError, Pause
from schemas.wire.topics import Topics
from sinks.forward.metrics import PAUSED

if TYPE_CHECKING:
    from schemas.settings import Settings
    from sinks.forward.gate import Gate

__all__ = ["Control", "read_pauses", "write_pause"]

_log: Final = structlog.get_logger(__name__)

_PARTITION: Final = 0
_POLL_MS: Final = 500


class Control:
    """Follows the pauses of the forwarder of the settings, and puts them in force at the gate.

    Attributes:
        known: Set once it is known whether the forwarder is paused.
        changed: Set whenever what may be posted may have changed.
    """

    def __init__(self, settings: Settings, gate: Gate) -> None:
        """Nothing is read before `run`."""
        self.known = asyncio.Event()
        self.changed = asyncio.Event()
        self._settings = settings
        self._gate = gate
        self._put_until = -1

    async def run(self) -> None:
        """Follow until cancelled; raises aiokafka's KafkaError. What was read last stays in force meanwhile."""
        name = self._settings.forward_name.encode()
        source = TopicPartition(Topics.of(self._settings).forwarders, _PARTITION)
        async with clients.opened(clients.consumer(self._settings.kafka_options())) as consumer:
            consumer.assign([source])
            await consumer.seek_to_beginning(source)
            end = (await consumer.end_offsets([source]))[source]
            latest, at, told = None, -1, False
            while True:
                if not told and await consumer.position(source) >= end:
                    told = True
                    # Who connects anew finds what is in force already, mostly; to put it again would be to resume.
                    if not self.known.is_set() or at > self._put_until or latest != self._gate.pause:
                        self._put(latest)
                    self._put_until = max(self._put_until, at)
                for record in (await consumer.getmany(source, timeout_ms=_POLL_MS)).get(source, ()):
                    if record.key == name:
                        latest, at = _read(record.value, latest), record.offset
                        if told:
                            self._put(latest)
                            self._put_until = at

    async def pause(self, pause: Pause) -> None:
        """Post nothing more, neither this process nor another of the name, until somebody takes it back.

        Here it holds at once. Raises aiokafka's KafkaError where the others cannot be told.
        """
        self._put(pause)
        await write_pause(self._settings, self._settings.forward_name, pause)

    def _put(self, pause: Pause | None) -> None:
        before = self._gate.put(pause, time.monotonic())
        PAUSED.set(int(pause is not None))
        if pause is not None and before is None:
            _log.warning("the forwarder is paused", reason=pause.reason)
        elif pause is None and (before is not None or self.known.is_set()):
            _log.info("the forwarder goes on")
        self.known.set()
        self.changed.set()


def _read(value: bytes | None, before: Pause | None) -> Pause | None:
    try:
        return Pause.decode(value)
    except MessageError as error:
        _log.warning("a pause was passed over, the last good one stays", reason=str(error))
        return before


async def write_pause(settings: Settings, name: str, pause: Pause | None) -> None:
    """Pause the forwarders of a name, or let them go on (None); returns once Kafka has it.

    Raises TopicError where `setup` has not made the topic, and aiokafka's KafkaError.
    """
    topic, options = Topics.of(settings).forwarders, settings.kafka_options()
    # A producer would make a topic that is not there, with partitions of the broker's choice.
    await topic_ids(options, [topic])
    async with clients.opened(clients.producer(options)) as producer:
        value = None if pause is None else pause.encode()
        await producer.send_and_wait(topic, value, key=name.encode(), partition=_PARTITION)


async def read_pauses(settings: Settings) -> dict[str, Pause]:
    """Which forwarders are paused now, by name; raises aiokafka's KafkaError and OSError."""
    topic = Topics.of(settings).forwarders
    ends = await written_ends(settings, topic, [_PARTITION])
    pauses: dict[str, Pause] = {}
    async for _, cells in read_cells(settings, topic, {}, ends):
        for key, value in cells:
            name = key.decode(errors="replace")
            pause = _read(value, pauses.get(name))
            if pause is None:
                pauses.pop(name, None)
            else:
                pauses[name] = pause
    return pauses
