"""ClickHouse as commands ask it: a client of its own for each question or few, in the public database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker import clickhouse
from sinks.errors import ConfigurationError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings

__all__ = ["check_cluster", "connected"]

_CLUSTERS: Final = "SELECT cluster, uniqExact(shard_num) FROM system.clusters GROUP BY cluster ORDER BY cluster"


def connected(settings: Settings, *, connect_seconds: int = 10, answer_seconds: int = 300) -> Client:
    """A client whose connections and answers are waited for so many seconds, to be closed by the caller; blocks.

    Raises what broker.clickhouse.connect raises.
    """
    return clickhouse.connect(
        settings, database=settings.database, connect_seconds=connect_seconds, answer_seconds=answer_seconds
    )


def check_cluster(client: Client, cluster: str) -> None:
    """Look whether ClickHouse knows a cluster, of one shard; raises ConfigurationError else, and ClickHouse's errors.

    Of several shards each would have a part of the rows, and views, which read the tables of the server that is asked,
    would show that part for the whole.
    """
    shards = {str(name): int(number) for name, number in client.query(_CLUSTERS, parameters={}).result_rows}
    setting = "TELEMETRY_CLICKHOUSE_CLUSTER"
    if cluster not in shards:
        known = ", ".join(shards) or "none"
        message = f"{setting}: ClickHouse knows no cluster {cluster}. Name one that it knows: {known}."
        raise ConfigurationError(message)
    if shards[cluster] > 1:
        message = f"{setting}: {cluster} has {shards[cluster]} shards. Name a cluster of one shard and its replicas."
        raise ConfigurationError(message)
