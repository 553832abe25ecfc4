"""Apache Kafka on this machine: one KRaft node, its jars from Maven, its Java from a wheel."""

from deploy.local.kafka.node import DEFAULT_MESSAGE_MAX_BYTES, KafkaNode

__all__ = ["DEFAULT_MESSAGE_MAX_BYTES", "KafkaNode"]
