"""Bytewax with the counting core, its states in the recovery store; at least once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from bench.peers.counting import after
from bench.peers.task import Stopwatch, Task
from schemas.wire.topics import Topics


def main(task: Task) -> None:
    """Read the raw topic to its end."""
    watch, topics = Stopwatch(task.warm), Topics.of(task.settings())

    def count(before: bytes | None, message: Any) -> tuple[bytes, Any]:
        watch.start()
        now = after(before, message.value)
        return now, KafkaSinkMessage(message.key, now)

    flow = Dataflow("bench")
    raw = op.input("raw", flow, KafkaSource([task.kafka], [topics.raw], tail=False, batch_size=1_000))
    keyed = op.key_on("student", raw, lambda message: message.key.decode())
    counted = op.stateful_map("count", keyed, count)
    output = op.map("output", counted, lambda item: item[1])
    producer = {"linger.ms": "20", "compression.type": "zstd"}
    op.output("counted", output, KafkaSink([task.kafka], topics.telemetry, add_config=producer))
    recovery = Path(task.data_dir)
    recovery.mkdir(parents=True)
    init_db_dir(recovery, 1)
    run_main(flow, epoch_interval=timedelta(seconds=1), recovery_config=RecoveryConfig(recovery))
    watch.report(task.count)


if __name__ == "__main__":
    main(Task.from_argv())
