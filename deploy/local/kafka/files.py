"""The files that a Kafka broker reads at its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.local.resources import LOOPBACK
from schemas.wire.topics import in_sync

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["NODE_ID", "BrokerPorts", "logging_configuration", "server_properties"]

NODE_ID: Final = 1

# Errors by their level, of a machine with much to do or after a kill. The whole message must match, a dot standing for
# each bracket: the file would take a backslash for itself.
_PASSING: Final = (
    # The broker asks its own controller again, which was elected a moment later.
    ".ControllerApis nodeId=[0-9]+. Unexpected error handling request RequestHeader.*",
    # Of several: a heartbeat came late, and the broker's session is checked by the next one.
    ".QuorumController id=[0-9]+. processExpiredBrokerHeartbeat: controller event queue overloaded[.].*",
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


def server_properties(
    logs: Path,
    ports: BrokerPorts,
    message_max_bytes: int,
    *,
    node_id: int = NODE_ID,
    controllers: Mapping[int, int] | None = None,
) -> str:
    """Render server.properties of a combined KRaft node.

    `controllers` are the controller ports of all nodes of the quorum by id, without it this node alone. The quorum is
    static (`controller.quorum.voters`, not stored in the log), so that the ports may differ from run to run. What Kafka
    keeps for itself has a copy on each node, of which one may be away. Internal topics have few partitions: each costs
    files and start-up time.
    """
    broker = f"{LOOPBACK}:{ports.broker}"
    controller = f"{LOOPBACK}:{ports.controller}"
    voters = controllers or {node_id: ports.controller}
    copies, acknowledging = len(voters), in_sync(len(voters))
    least = next(iter(acknowledging.values()), "1")
    values = {
        "process.roles": "broker,controller",
        "node.id": node_id,
        "controller.quorum.voters": ",".join(f"{one}@{LOOPBACK}:{port}" for one, port in voters.items()),
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": logs,
        "auto.create.topics.enable": "false",
        "num.partitions": 1,
        "default.replication.factor": copies,
        **acknowledging,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": least,
        "transaction.state.log.num.partitions": 8,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": least,
        "share.coordinator.state.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "offsets.retention.minutes": _YEAR_MS // 60_000,
        "message.max.bytes": message_max_bytes,
        "replica.fetch.max.bytes": message_max_bytes,
        "socket.request.max.bytes": max(100 << 20, 2 * message_max_bytes),
        # Nothing is synced: the page cache survives a killed process, and a machine's disk is all there is.
        "log.segment.bytes": 256 << 20,
        "log.retention.ms": -1,
        "log.cleaner.dedupe.buffer.size": 16 << 20,
        "log.cleaner.backoff.ms": 5_000,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "num.recovery.threads.per.data.dir": 2,
        "background.threads": 4,
        # A killed broker is let in again only when the session of the one before it has run out. Others do its work as
        # soon as it has; clients give up waiting for one that hangs not much sooner (broker.clients).
        "broker.session.timeout.ms": 3_000 if copies == 1 else 6_000,
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
appender.console.layout.pattern = %d{{yyyy-MM-dd'T'HH:mm:ss.SSS'Z'}}{{UTC}} [%-8p] %m %ex{{short.message}}%n
appender.console.filter.passing.type = RegexFilter
appender.console.filter.passing.regex = {"|".join(_PASSING)}
appender.console.filter.passing.onMatch = DENY
appender.console.filter.passing.onMismatch = NEUTRAL
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
rootLogger.appenderRef.console.ref = console
rootLogger.appenderRef.console.level = error
"""
