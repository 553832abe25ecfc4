"""Settings of ClickHouse: where its servers are, how they are trusted, and what writers and readers wait for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from schemas.setting_types import Cluster, Identifier, Quorum, ServersUrl, servers_of

__all__ = ["NO_QUORUM", "ClickHouseSettings"]

# An insert is answered when the server that took it has it.
NO_QUORUM: Final = "off"


class ClickHouseSettings(BaseSettings):
    """The part of `schemas.settings.Settings` that is about ClickHouse."""

    clickhouse: ServersUrl = Field(
        SecretStr("http://default@127.0.0.1:8123"),
        description="ClickHouse over HTTP: a URL with user and password. Several replicas stand in it with commas, the"
        " favourite first: `https://user:password@one:8443,two:8443`.",
    )
    analyst_clickhouse: ServersUrl | None = Field(
        None, description="The same for analysts, who only read; `up` names it, the parts do not use it."
    )
    clickhouse_cafile: Path | None = Field(
        None, description="A PEM file of the authorities to trust, with https; without it those of the machine."
    )
    clickhouse_certfile: Path | None = Field(
        None,
        description="A PEM file with the certificate to show ClickHouse; without a password in the URL it logs in.",
    )
    clickhouse_keyfile: Path | None = Field(
        None, description="A PEM file with its private key, where that is in a file of its own."
    )
    clickhouse_cluster: Cluster = Field(
        "", description="Name of the ClickHouse cluster to make replicated tables on; empty for a single server."
    )
    clickhouse_insert_quorum: Quorum = Field(
        NO_QUORUM,
        description="How many replicas have a block before it counts as stored: a number from 2 on, `auto` for the"
        " majority, or `off`.",
    )
    clickhouse_sequential_reads: bool = Field(
        False,  # noqa: FBT003 - the default
        description="`true` lets no replica answer that lacks what a quorum has; needs"
        " `TELEMETRY_CLICKHOUSE_INSERT_QUORUM`, and lets one block a table be inserted at a time.",
    )
    database: Identifier = Field(
        "telemetry", description="The database that readers use; generation N of the tables is in DATABASE_gN."
    )

    @field_validator("clickhouse_keyfile")
    @classmethod
    def _belongs_to_a_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("clickhouse_certfile") is None:
            message = "it is the key of TELEMETRY_CLICKHOUSE_CERTFILE, which is not set"
            raise ValueError(message)
        return value

    @field_validator("clickhouse_cafile", "clickhouse_certfile", "clickhouse_keyfile")
    @classmethod
    def _is_for_https(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        url = info.data.get("clickhouse")
        if value is not None and url is not None and not url.get_secret_value().startswith("https://"):
            message = "TELEMETRY_CLICKHOUSE begins with http://, which encrypts nothing: write https:// there"
            raise ValueError(message)
        return value

    @field_validator("clickhouse_sequential_reads")
    @classmethod
    def _needs_a_quorum(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic calls it
        if value and info.data.get("clickhouse_insert_quorum") == NO_QUORUM:
            message = "it compares with what a quorum has: set TELEMETRY_CLICKHOUSE_INSERT_QUORUM, too"
            raise ValueError(message)
        return value

    @property
    def clickhouse_servers(self) -> tuple[str, ...]:
        """A URL for each server of `clickhouse`, with user and password, the favourite first."""
        return servers_of(self.clickhouse.get_secret_value())
