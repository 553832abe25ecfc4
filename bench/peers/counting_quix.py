"""Quix Streams with the counting core, its own state store and changelog; at least once or exactly once."""

from __future__ import annotations

from typing import Any

from quixstreams import Application, State

from bench.peers.counting import after
from bench.peers.task import Stopwatch, Task
from schemas.wire.topics import Topics


def main(task: Task) -> None:
    """Work until every record is committed."""
    watch, topics = Stopwatch(task.warm), Topics.of(task.settings())
    left = task.count

    def processed(_topic: str, _partition: int, _offset: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            app.stop()

    app = Application(
        task.kafka,
        consumer_group=f"{topics.application}-quix",
        auto_offset_reset="earliest",
        state_dir=task.data_dir,
        processing_guarantee=task.guarantee,
        auto_create_topics=True,
        on_message_processed=processed,
        loglevel="WARNING",
        consumer_poll_timeout=0.1,
        producer_extra_config={"linger.ms": 20, "compression.type": "zstd"},
    )
    raw = app.topic(topics.raw, key_deserializer="bytes", value_deserializer="bytes")

    def count(value: bytes, state: State) -> Any:
        watch.start()
        now = after(state.get_bytes("last"), value)
        state.set_bytes("last", now)
        return now

    output = app.topic(topics.telemetry, key_serializer="bytes", value_serializer="bytes")
    app.dataframe(raw).apply(count, stateful=True).to_topic(output)
    app.run()
    watch.report(task.count - left)


if __name__ == "__main__":
    main(Task.from_argv())
