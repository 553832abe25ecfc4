"""The files that a Kafka broker reads at its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.local.resources import LOOPBACK

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NODE_ID", "BrokerPorts", "logging_configuration", "server_properties"]

NODE_ID: Final = 1

# Errors by their level, of a machine with much to do or after a kill. The whole message must match, a dot standing for
# each bracket: the file would take a backslash for itself.
_PASSING: Final = (
    # The broker asks its own controller again, which was elected a moment later.
    ".ControllerApis nodeId=[0-9]+. Unexpected error handling request RequestHeader.*",
    # A partition's directory that had not reached the disk is made anew.
    ".Broker id=[0-9]+. Expected partition .* to exist, but it was missing[.] Creating[.]{3}",
    # A group's partition was let go while it was read: at the broker's end, or for its next leader.
    ".GroupCoordinator id=[0-9]+. Failed to load metadata from .* is not online or is no longer the leader[.]+",
)
_YEAR_MS: Final = 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class BrokerPorts:
    """The loopback ports of one run: `broker` for clients, `controller` for KRaft."""

    broker: int
    controller: int


def server_properties(logs: Path, ports: BrokerPorts, message_max_bytes: int) -> str:
    """Render server.properties of a combined KRaft node.

    The quorum is static (`controller.quorum.voters`, not stored in the log), so that the ports may differ from run
    to run. Internal topics have few partitions: each costs files and start-up time.
    """
    broker = f"{LOOPBACK}:{ports.broker}"
    controller = f"{LOOPBACK}:{ports.controller}"
    values = {
        "process.roles": "broker,controller",
        "node.id": NODE_ID,
        "controller.quorum.voters": f"{NODE_ID}@{controller}",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": logs,
        "auto.create.topics.enable": "false",
        "num.partitions": 1,
        "default.replication.factor": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 8,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "offsets.retention.minutes": _YEAR_MS // 60_000,
        "message.max.bytes": message_max_bytes,
        "replica.fetch.max.bytes": message_max_bytes,
        "socket.request.max.bytes": max(100 << 20, 2 * message_max_bytes),
        # One broker and no replica: a record is as safe as the disk, and the page cache survives a killed process.
        "log.segment.bytes": 256 << 20,
        "log.retention.ms": -1,
        "log.cleaner.dedupe.buffer.size": 16 << 20,
        "log.cleaner.backoff.ms": 5_000,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "num.recovery.threads.per.data.dir": 2,
        "background.threads": 4,
        # A killed broker is let in again only when the session of the one before it has run out.
        "broker.session.timeout.ms": 3_000,
        "broker.heartbeat.interval.ms": 500,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def logging_configuration(log_file: Path) -> str:
    """Render log4j2.properties: warnings and worse to `log_file`, ten megabytes at most, errors to the console too.

    What a broker mends by itself is in the file alone.
    """
    return f"""\
status = error
name = kafka
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {log_file}
appender.file.filePattern = {log_file}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{yyyy-MM-dd HH:mm:ss.SSS}} %-5p %c{{1}}: %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 5MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 1
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %m %ex{{short.message}}%n
appender.console.filter.passing.type = RegexFilter
appender.console.filter.passing.regex = {"|".join(_PASSING)}
appender.console.filter.passing.onMatch = DENY
appender.console.filter.passing.onMismatch = NEUTRAL
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
rootLogger.appenderRef.console.ref = console
rootLogger.appenderRef.console.level = error
"""
