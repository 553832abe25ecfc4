"""A stock Faust agent with the same core: event by event, a table with its changelog, output topics; at least once."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import faust
import uvloop

from bench.peers.task import Stopwatch, Task, make_processor
from schemas.wire.topics import Topics


class _Raw:
    """What the core reads of a Faust event."""

    __slots__ = ("headers", "key", "offset", "partition", "timestamp", "value")

    def __init__(self, message: Any) -> None:
        self.partition, self.offset, self.timestamp = message.partition, message.offset, int(message.timestamp * 1_000)
        self.key, self.value, self.headers = message.key, message.value, message.headers


def build(task: Task, watch: Stopwatch, done: asyncio.Event) -> faust.App:
    """The application as Faust's guide would write it."""
    topics = Topics.of(task.settings())
    app = faust.App(
        f"{topics.application}-stock",
        broker=f"kafka://{task.kafka}",
        store=f"{task.store}://",
        datadir=task.data_dir,
        topic_partitions=task.partitions,
        topic_disable_leader=True,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        broker_max_poll_records=4_000,
        producer_linger=5,
    )
    raw = app.topic(topics.raw, key_type=bytes, value_type=bytes, partitions=task.partitions)
    outputs = {name: app.topic(getattr(topics, name), value_type=bytes) for name in ("facts", "outcomes", "scores")}
    documents = app.topic(topics.telemetry, key_type=bytes, value_type=bytes)
    table = app.Table("state", partitions=task.partitions, key_type=bytes, value_type=bytes)
    count = 0

    @app.agent(raw)  # type: ignore[untyped-decorator]  # Faust is untyped
    async def ingest(stream: Any) -> None:
        nonlocal count
        async for event in stream.events():
            watch.start()
            processor = make_processor(table.get)
            processor.apply(_Raw(event.message))  # type: ignore[arg-type]
            effects = processor.finish()
            partition = event.message.partition
            for name, topic in outputs.items():
                lines = getattr(effects, name)
                if lines:
                    await topic.send(value=b"\n".join(lines), partition=partition)
            for key, document, _ in effects.telemetry:
                await documents.send(key=key, value=document, partition=partition)
            for key, value in effects.changes:
                if value is None:
                    table.pop(key, None)
                else:
                    table[key] = value
            count += 1
            if count == task.count:
                done.set()

    return app


async def main(task: Task) -> None:
    """Work until every record is committed."""
    logging.basicConfig(level=logging.WARNING)
    watch, done = Stopwatch(), asyncio.Event()
    app = build(task, watch, done)
    await app.start()
    await done.wait()
    await asyncio.sleep(0)
    await app.producer.flush()
    await app.consumer.commit()
    watch.report(task.count)
    os._exit(0)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Task.from_argv()))
