"""Three Kafka nodes on this machine that are one cluster: each has a copy of each record, and one may be away."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Self

from deploy.local.errors import LocalStackError
from deploy.local.kafka.files import BrokerPorts
from deploy.local.kafka.node import DEFAULT_MESSAGE_MAX_BYTES, KafkaNode, Quorum, new_cluster_id
from deploy.local.progress import silent
from deploy.local.resources import free_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from deploy.local.progress import Progress

__all__ = ["BROKERS", "KafkaCluster"]

# With fewer none may be away; more would only cost.
BROKERS: Final = 3

# A third of the work each.
_HEAP_MB: Final = 256


class KafkaCluster:
    """Three nodes, each broker and controller, each with a directory of its own.

    A supervisor calls `prepare` and runs `nodes` itself; tests use it as a context manager.

    Attributes:
        nodes: In the order of `directories`, with ids from 1. After `prepare` each may be killed and started by itself;
            one whose directory has been emptied meanwhile gets its copies from the others.
    """

    def __init__(
        self,
        directories: Sequence[Path],
        ports: Sequence[int | None] = (),
        *,
        message_max_bytes: int = DEFAULT_MESSAGE_MAX_BYTES,
        heap_mb: int = _HEAP_MB,
        java_options: Sequence[str] = (),
        cache: Path | None = None,
    ) -> None:
        """Plan a cluster; `ports` are those that the brokers are to have where they are free, else free ones."""
        self.nodes = [
            KafkaNode(
                directory,
                message_max_bytes=message_max_bytes,
                heap_mb=heap_mb,
                java_options=java_options,
                cache=cache,
            )
            for directory in directories
        ]
        self.wanted_ports = [*ports, *[None] * (len(self.nodes) - len(ports))]
        self._quorum: Quorum | None = None

    @property
    def bootstrap(self) -> str:
        """The addresses for clients, `HOST:PORT` of each broker with commas, after `prepare`."""
        return ",".join(node.bootstrap for node in self.nodes)

    def prepare(self, progress: Progress = silent) -> None:
        """Prepare each node, with ports that differ and one cluster's id; raises LocalStackError as a node does.

        And where the directories of most nodes are gone: empty ones would agree that there is nothing, and the last
        would delete what it has.
        """
        self._require_most()
        if self._quorum is None:
            known = (node.cluster_id for node in self.nodes)
            cluster_id = next((found for found in known if found), None) or new_cluster_id()
            self._quorum = Quorum(cluster_id, self._choose_ports())
        for node_id, node in enumerate(self.nodes, 1):
            node.join(self._quorum, node_id)
        first, *others = self.nodes
        # It downloads for all; then Java formats a directory in a second or two.
        first.prepare(progress)
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(KafkaNode.prepare, others))

    def _require_most(self) -> None:
        gone = [node.directory for node in self.nodes if node.cluster_id is None]
        if len(gone) > len(self.nodes) // 2 and any(node.has_run for node in self.nodes):
            names = " and ".join(map(str, gone))
            message = (
                f"{names} are gone, and most brokers with them: started anew they would empty the one that is left. "
                "Bring one of them back, or name another directory with --data."
            )
            raise LocalStackError(message)

    def _choose_ports(self) -> dict[int, BrokerPorts]:
        taken = {port for port in self.wanted_ports if port is not None}

        def another() -> int:
            while (port := free_port()) in taken:
                pass
            taken.add(port)
            return port

        return {node_id: BrokerPorts(port or another(), another()) for node_id, port in enumerate(self.wanted_ports, 1)}

    def start(self) -> Self:
        """Prepare and start all nodes as children of this process and block until each answers."""
        self.prepare()
        try:
            for node in self.nodes:
                node.spawn()
            # A thread of its own: the caller's may have an event loop, running or not.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, self._wait_ready()).result()
        except BaseException:
            self.kill()
            raise
        return self

    async def _wait_ready(self) -> None:
        await asyncio.gather(*(node.wait_ready() for node in self.nodes))

    def stop(self) -> None:
        """End all nodes in good order, all at once: the last one would wait for a controller in vain."""
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(KafkaNode.stop, self.nodes))

    def kill(self) -> None:
        """End all nodes at once, as a power cut would."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
