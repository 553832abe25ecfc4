"""Bytewax with the same core, state by student in its recovery store; at least once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from bench.peers.task import Stopwatch, Task, make_processor
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Raw:
    """What the core reads of a Bytewax message."""

    __slots__ = ("headers", "key", "offset", "partition", "timestamp", "value")

    def __init__(self, message: Any) -> None:
        self.partition, self.offset, self.timestamp = message.partition, message.offset, message.timestamp[1]
        self.key, self.value, self.headers = message.key, message.value, message.headers or ()


def main(task: Task) -> None:
    """Read the raw topic to its end."""
    watch, topics = Stopwatch(), Topics.of(task.settings())
    names = ("facts", "outcomes", "scores")

    def core(states: dict[bytes, bytes] | None, message: Any) -> tuple[dict[bytes, bytes], Any]:
        watch.start()
        states = {} if states is None else states
        processor = make_processor(states.get)
        processor.apply(_Raw(message))  # type: ignore[arg-type]
        effects = processor.finish()
        for name, changed in effects.changes:
            if changed is None:
                states.pop(name, None)
            else:
                states[name] = changed
        return states, (message.partition, effects)

    def outputs(item: tuple[str, tuple[int, Any]]) -> Iterator[KafkaSinkMessage]:
        partition, effects = item[1]
        for name in names:
            if lines := getattr(effects, name):
                yield KafkaSinkMessage(None, b"\n".join(lines), topic=getattr(topics, name), partition=partition)
        for key, document, _ in effects.telemetry:
            yield KafkaSinkMessage(key, document, topic=topics.telemetry, partition=partition)

    flow = Dataflow("bench")
    raw = op.input("raw", flow, KafkaSource([task.kafka], [topics.raw], tail=False, batch_size=1_000))
    keyed = op.key_on("student", raw, lambda message: message.key.decode())
    effects = op.stateful_map("core", keyed, core)
    op.output("derived", op.flat_map("outputs", effects, outputs), KafkaSink([task.kafka], None))
    recovery = Path(task.data_dir)
    recovery.mkdir(parents=True)
    init_db_dir(recovery, 1)
    run_main(flow, epoch_interval=timedelta(seconds=1), recovery_config=RecoveryConfig(recovery))
    watch.report(task.count)


if __name__ == "__main__":
    main(Task.from_argv())
