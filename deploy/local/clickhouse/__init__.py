"""ClickHouse on this machine: its HTTP interface over the engine of the chdb wheel."""

from deploy.local.clickhouse.node import ClickHouseServer

__all__ = ["ClickHouseServer"]
