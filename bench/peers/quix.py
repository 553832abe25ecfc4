"""Quix Streams with the same core and its own state store and changelog; at least once or exactly once."""

from __future__ import annotations

from typing import Any

from quixstreams import Application, State, message_context

from bench.peers.task import Stopwatch, Task, make_processor
from schemas.wire.topics import Topics


class _Raw:
    """What the core reads of a Quix message."""

    __slots__ = ("headers", "key", "offset", "partition", "timestamp", "value")

    def __init__(self, value: bytes, key: bytes, timestamp: int, headers: Any) -> None:
        context = message_context()
        self.partition, self.offset, self.timestamp = context.partition, context.offset, timestamp
        self.key, self.value, self.headers = key, value, headers or ()


def main(task: Task) -> None:
    """Work until every record is committed."""
    watch, topics = Stopwatch(), Topics.of(task.settings())
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
    )
    raw = app.topic(topics.raw, key_deserializer="bytes", value_deserializer="bytes")
    frame = app.dataframe(raw)

    def core(value: bytes, key: bytes, timestamp: int, headers: Any, state: State) -> Any:
        watch.start()
        processor = make_processor(lambda name: state.get_bytes(name.hex()))
        processor.apply(_Raw(value, key, timestamp, headers))  # type: ignore[arg-type]
        effects = processor.finish()
        for name, changed in effects.changes:
            if changed is None:
                state.delete(name.hex())
            else:
                state.set_bytes(name.hex(), changed)
        return effects

    effects = frame.apply(core, stateful=True, metadata=True)
    for name in ("facts", "outcomes", "scores"):
        topic = app.topic(getattr(topics, name), key_serializer="bytes", value_serializer="bytes")
        lines = effects.apply(lambda found, name=name: b"\n".join(getattr(found, name)))
        lines.filter(bool).to_topic(topic)
    documents = app.topic(topics.telemetry, key_serializer="bytes", value_serializer="bytes")
    effects.filter(lambda found: bool(found.telemetry)).apply(lambda found: found.telemetry[0][1]).to_topic(documents)
    app.run()
    watch.report(task.count - left)


if __name__ == "__main__":
    main(Task.from_argv())
