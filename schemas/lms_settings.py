"""Settings of what lives beside the LMS."""

from __future__ import annotations

from pydantic import Field, SecretStr

from schemas.clickhouse_settings import ClickHouseSettings

__all__ = ["LmsSettings"]


class LmsSettings(ClickHouseSettings):
    """The part of `schemas.settings.Settings` that is about the LMS's database."""

    lms_postgres: SecretStr | None = Field(
        None,
        description="The LMS's PostgreSQL for `directory sync` and `import`:"
        " postgresql://USER:PASSWORD@HOST:5432/DATABASE, or libpq's words; what it does not say comes from libpq's own"
        " variables and files (PGPASSWORD, ~/.pgpass). Needs the extra `lms`.",
    )
