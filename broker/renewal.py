"""A client that has lost all brokers that it knows of asks those again that it began with.

aiokafka knows the brokers that were there when it last asked. Where two of three were away then, it knows one; if that
goes, too, it asks that one for ever, however many others are back (Kafka's own clients have been mended, KIP-1102).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import BrokerMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka.client import AIOKafkaClient
    from aiokafka.cluster import ClusterMetadata

__all__ = ["renew_from_the_beginning"]


def renew_from_the_beginning(client: AIOKafkaClient) -> None:
    """Let a client ask the servers of its options for metadata whenever no broker that it knows answers."""
    client._metadata_update = _Renewal(client)  # noqa: SLF001 - aiokafka has no place for it


class _Renewal:
    """Renews metadata as aiokafka does, and then of the first servers."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._update = client._metadata_update  # noqa: SLF001 - see above
        servers = {f"bootstrap-{place}": server for place, server in enumerate(client.hosts)}
        # Where aiokafka's own connections find the addresses of such names.
        client.cluster._bootstrap_brokers = {  # noqa: SLF001 - as above
            name: BrokerMetadata(name, host, port, None) for name, (host, port, _) in servers.items()
        }
        self._servers = tuple(servers)

    async def __call__(self, cluster: ClusterMetadata, topics: Iterable[str] | None) -> bool:
        """Whether `cluster` has been renewed."""
        if await self._update(cluster, topics):
            return True
        for server in self._servers:
            if await self._ask(server, cluster, topics):
                return True
        return False

    async def _ask(self, server: str, cluster: ClusterMetadata, topics: Iterable[str] | None) -> bool:
        connection = await self._client._get_conn(server)  # noqa: SLF001 - as above
        if connection is None:
            return False
        try:
            metadata = await connection.send(MetadataRequest(list(topics) if topics else None))
        except (KafkaError, TimeoutError):
            return False
        finally:
            # For everything else there are connections to the brokers by their ids.
            self._client._conns.pop((server, ConnectionGroup.DEFAULT), None)  # noqa: SLF001 - as above
            connection.close()
        if not metadata.brokers:
            return False
        cluster.update_metadata(metadata)
        return True
