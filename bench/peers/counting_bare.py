"""Bare aiokafka loops with the counting core: one writes nothing, one sends each output, at least once."""

from __future__ import annotations

import asyncio
from typing import Any

import aiokafka
import uvloop
from aiokafka import TopicPartition

from bench.peers.counting import after
from bench.peers.task import Stopwatch, Task
from schemas.wire.topics import Topics
from streams.serving import look_for_cycles_less_often


async def main(task: Task) -> None:
    """Read the raw topic once; the states are in a dictionary."""
    topics, watch = Topics.of(task.settings()), Stopwatch(task.warm)
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=task.kafka, enable_auto_commit=False, max_partition_fetch_bytes=8 << 20
    )
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=task.kafka, linger_ms=20, max_batch_size=1 << 20, compression_type="zstd"
    )
    await consumer.start()
    await producer.start()
    partitions = [TopicPartition(topics.raw, number) for number in range(task.partitions)]
    consumer.assign(partitions)
    for tp in partitions:
        consumer.seek(tp, 0)
    states: dict[bytes, bytes] = {}
    look_for_cycles_less_often()
    done = 0
    while done < task.count:
        for tp, records in (await consumer.getmany(timeout_ms=1_000, max_records=2_000)).items():
            watch.start(len(records))
            outputs = []
            for record in records:
                now = states[record.key] = after(states.get(record.key), record.value)
                outputs.append((record.key, now))
            if task.guarantee == "at-least-once":
                await _send(producer, TopicPartition(topics.telemetry, tp.partition), outputs)
            done += len(records)
    watch.report(done)
    await consumer.stop()
    await producer.stop()


async def _send(producer: Any, tp: TopicPartition, outputs: list[tuple[bytes, bytes]]) -> None:
    sent = [await producer.send(tp.topic, value, key=key, partition=tp.partition) for key, value in outputs]
    await asyncio.gather(*sent)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Task.from_argv()))
