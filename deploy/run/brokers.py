"""The brokers of a system on one machine: one, or three that stand in for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deploy.local.errors import LocalStackError
from deploy.local.kafka import BROKERS, KafkaCluster, KafkaNode
from deploy.run.child import Part

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.run.kept import Kept
    from schemas.settings import Settings

__all__ = ["BROKERS", "broker_parts", "copies_of", "plan_brokers"]

# Each hands over what it leads while the others end, too.
_STOP_SECONDS: Final = 8.0
_VARIABLE: Final = "TELEMETRY_KAFKA"
# Room for what Kafka adds to a body: its headers and the batch around it.
_MESSAGE_ROOM: Final = 1 << 20


def plan_brokers(directory: Path, wanted: int | None, kept: Kept, settings: Settings) -> KafkaNode | KafkaCluster:
    """The Kafka of a system with its data in `directory`: as many brokers as it has, else as are `wanted`, else one.

    Raises LocalStackError where it has another number than is wanted: its log would have to be moved.
    """
    single, several = directory / "kafka", [directory / f"kafka-{number}" for number in range(1, BROKERS + 1)]
    there = 1 if _is_formatted(single) else BROKERS if any(map(_is_formatted, several)) else None
    if there is not None and wanted not in (None, there):
        message = (
            f"the system in {directory} has {_counted(there)}, and that stays so: leave --brokers out, or name another "
            "directory with --data. `learnpack-telemetry archive` and `raw restore` carry its webhooks over."
        )
        raise LocalStackError(message)
    largest = settings.max_message_bytes + _MESSAGE_ROOM
    if (there or wanted) == BROKERS:
        return KafkaCluster(several, kept.ports(_VARIABLE), message_max_bytes=largest)
    return KafkaNode(single, kept.port(_VARIABLE), message_max_bytes=largest)


def copies_of(kafka: KafkaNode | KafkaCluster) -> int:
    """How many copies of each record there are to be."""
    return len(kafka.nodes) if isinstance(kafka, KafkaCluster) else 1


def broker_parts(kafka: KafkaNode | KafkaCluster) -> list[Part]:
    """The brokers for the supervisor, after `prepare`: `kafka`, or `kafka-1` and so on, which begin and end as one."""
    if isinstance(kafka, KafkaNode):
        return [Part("kafka", kafka.command(), kafka.env(), kafka.wait_ready, critical=True)]
    return [
        Part(
            f"kafka-{number}",
            node.command(),
            node.env(),
            node.wait_ready,
            stop_seconds=_STOP_SECONDS,
            critical=True,
            together=number > 1,
            ends_together=number > 1,
        )
        for number, node in enumerate(kafka.nodes, 1)
    ]


def _is_formatted(directory: Path) -> bool:
    return KafkaNode(directory).cluster_id is not None


def _counted(brokers: int) -> str:
    return "one broker" if brokers == 1 else f"{brokers} brokers"
