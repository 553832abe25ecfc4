"""Apache Kafka on this machine: one KRaft node or three, its jars from Maven, its Java from a wheel."""

from deploy.local.kafka.cluster import BROKERS, KafkaCluster
from deploy.local.kafka.node import DEFAULT_MESSAGE_MAX_BYTES, KafkaNode

__all__ = ["BROKERS", "DEFAULT_MESSAGE_MAX_BYTES", "KafkaCluster", "KafkaNode"]
