"""A bare aiokafka loop with the same core: reads, computes, keeps the state in a dictionary, writes nothing."""

from __future__ import annotations

import asyncio

import aiokafka
import uvloop
from aiokafka import TopicPartition

from bench.peers.task import Stopwatch, Task, make_processor
from schemas.wire.topics import Topics
from streams.serving import look_for_cycles_less_often


async def main(task: Task) -> None:
    """Read the raw topic once."""
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=task.kafka, enable_auto_commit=False, max_partition_fetch_bytes=8 << 20
    )
    raw = Topics.of(task.settings()).raw
    await consumer.start()
    partitions = [TopicPartition(raw, number) for number in range(task.partitions)]
    consumer.assign(partitions)
    for tp in partitions:
        consumer.seek(tp, 0)
    states: dict[TopicPartition, dict[bytes, bytes]] = {tp: {} for tp in partitions}
    look_for_cycles_less_often()
    watch, done = Stopwatch(), 0
    while done < task.count:
        for tp, records in (await consumer.getmany(timeout_ms=1_000, max_records=2_000)).items():
            watch.start()
            state = states[tp]
            processor = make_processor(state.get)
            for record in records:
                processor.apply(record)
            for key, value in processor.finish().changes:
                if value is None:
                    state.pop(key, None)
                else:
                    state[key] = value
            done += len(records)
    watch.report(done)
    await consumer.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Task.from_argv()))
