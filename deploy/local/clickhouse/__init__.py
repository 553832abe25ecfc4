"""ClickHouse on this machine: its HTTP interface over the engine of the chdb wheel."""

from deploy.local.clickhouse.node import Certificates, ClickHouseServer

__all__ = ["Certificates", "ClickHouseServer"]
