"""A node of Apache Kafka on this machine, alone or one of several: its jars from Maven, its Java from a wheel."""

from __future__ import annotations

import base64
import subprocess
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.errors import LocalStackError
from deploy.local.kafka import artifacts
from deploy.local.kafka.files import NODE_ID, BrokerPorts, logging_configuration, server_properties
from deploy.local.kafka.java import java_command, java_environment
from deploy.local.locking import locked, locked_command
from deploy.local.process import LocalServer
from deploy.local.progress import silent
from deploy.local.resources import LOOPBACK, free_port, listens, require_free_port, require_space
from operations.descriptors import require_descriptors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from deploy.local.progress import Progress

__all__ = ["DEFAULT_MESSAGE_MAX_BYTES", "KafkaNode", "Quorum", "new_cluster_id"]

DEFAULT_MESSAGE_MAX_BYTES: Final = 11 << 20

_NEEDED_BYTES: Final = 1_000_000_000
_FORMAT_SECONDS: Final = 60
_REQUEST_MS: Final = 2_000
# Java 25 warns of what Kafka and its codecs may do until a later Java.
_QUIET: Final = ("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED")


def new_cluster_id() -> str:
    """An id as Kafka gives one to a cluster: 16 bytes in base64 for URLs, which may begin with a hyphen."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Quorum:
    """The nodes that are one cluster: its id, and the ports of each node by the node's id."""

    cluster_id: str
    ports: Mapping[int, BrokerPorts]


class KafkaNode(LocalServer):
    """A Kafka whose data live in `directory`: a single node, or one of several after `join`.

    The ports may differ between runs; without `port` a free one is picked. `message_max_bytes` is the largest record
    batch that the broker takes, `heap_mb` the most memory of its heap in MiB, `java_options` are told to its Java too.
    """

    name: ClassVar[str] = "Kafka"

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        message_max_bytes: int = DEFAULT_MESSAGE_MAX_BYTES,
        heap_mb: int = 512,
        java_options: Sequence[str] = (),
        cache: Path | None = None,
    ) -> None:
        super().__init__(directory)
        self._port = port
        self._message_max_bytes = message_max_bytes
        self._heap_mb = heap_mb
        self._java_options = list(java_options)
        self._cache = cache
        self._node_id = NODE_ID
        self._quorum: Quorum | None = None
        self._ports: BrokerPorts | None = None
        self._jars: list[Path] = []

    def join(self, quorum: Quorum, node_id: int) -> None:
        """Be this node of a quorum, with the ports that it has there, from the next `prepare` on."""
        self._quorum, self._node_id, self._ports = quorum, node_id, quorum.ports[node_id]

    @property
    def bootstrap(self) -> str:
        """The address for clients, `HOST:PORT`, after `prepare`."""
        return f"{LOOPBACK}:{self._chosen_ports().broker}"

    @property
    def cluster_id(self) -> str | None:
        """The id of the cluster for which its directory was formatted; None if it was not."""
        try:
            lines = self._meta.read_text(encoding="utf-8").splitlines()
        except OSError:
            return None
        return dict(line.split("=", 1) for line in lines if "=" in line).get("cluster.id")

    @property
    def has_run(self) -> bool:
        """Whether its directory has what the cluster decided: that is there since it was started first."""
        return (self._logs / "__cluster_metadata-0").is_dir()

    @property
    def broker_log(self) -> Path:
        """Where the broker itself writes warnings and errors."""
        return self.directory / "kafka.log"

    def prepare(self, progress: Progress = silent) -> None:
        """Fetch the jars, choose the ports, write the configuration and format the log directory once."""
        require_descriptors(self.name)
        if self._port is not None:
            require_free_port(self._port, self.name)
        require_space(self.directory, _NEEDED_BYTES, self.name)
        with locked(self.name, self.directory):
            java_command()
        self._jars = artifacts.fetch(progress, self._cache)
        if self._ports is None:
            self._ports = BrokerPorts(self._port or free_port(), free_port())
        try:
            self._write_configuration()
        except OSError as error:
            message = f"Kafka cannot write to {self.directory}: {error.strerror or error}. Make it writable."
            raise LocalStackError(message) from error
        if not self._meta.exists():
            self._format()

    def command(self) -> list[str]:
        """The broker's command line."""
        limits = [f"-Xmx{self._heap_mb}m", "-Xms128m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
        java = self._java(*limits, *self._java_options)
        # Kafka's own lock comes too late: a second broker has written to the metadata log by then.
        return locked_command(self.name, self.directory, [*java, "kafka.Kafka", str(self._properties)])

    def env(self) -> dict[str, str]:
        """The environment with the wheel's Java."""
        return java_environment()

    async def answers(self) -> bool:
        """Whether the broker lists its topics: then the controller has elected itself and clients are served."""
        if not listens(self._chosen_ports().broker):
            return False
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=_REQUEST_MS)
        try:
            await admin.start()
            await admin.list_topics()
        except (TimeoutError, KafkaError, OSError):
            return False
        finally:
            await admin.close()
        return True

    @property
    def _logs(self) -> Path:
        return self.directory / "logs"

    @property
    def _meta(self) -> Path:
        return self._logs / "meta.properties"

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    @property
    def _log4j(self) -> Path:
        return self.directory / "log4j2.properties"

    def _chosen_ports(self) -> BrokerPorts:
        if self._ports is None:
            message = "Kafka has no address yet: call prepare() first."
            raise LocalStackError(message)
        return self._ports

    def _write_configuration(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        nodes = self._quorum.ports if self._quorum is not None else {}
        text = server_properties(
            self._logs,
            self._chosen_ports(),
            self._message_max_bytes,
            node_id=self._node_id,
            controllers={node_id: ports.controller for node_id, ports in nodes.items()},
        )
        self._properties.write_text(text, encoding="utf-8")
        self._log4j.write_text(logging_configuration(self.broker_log), encoding="utf-8")

    def _java(self, *options: str) -> list[str]:
        class_path = ":".join(map(str, self._jars))
        logging = f"-Dlog4j2.configurationFile={self._log4j}"
        return [java_command(), *options, *_QUIET, logging, "-cp", class_path]

    def _format(self) -> None:
        cluster = self._quorum.cluster_id if self._quorum is not None else new_cluster_id()
        # An id may begin with a hyphen, which a word of its own would make an option.
        told = [f"--cluster-id={cluster}", "-c", str(self._properties), "--ignore-formatted"]
        tool = ["kafka.tools.StorageTool", "format", *told]
        done = subprocess.run(  # noqa: S603 - our own command line
            [*self._java("-Xmx128m", "-XX:TieredStopAtLevel=1"), *tool],
            env=self.env(),
            capture_output=True,
            timeout=_FORMAT_SECONDS,
            check=False,
        )
        if done.returncode:
            lines = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
            message = f"Kafka could not format {self._logs}: {lines[-1] if lines else 'no output'}"
            raise LocalStackError(message)
