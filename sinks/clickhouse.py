"""The connection to ClickHouse: how it is opened, and what every insert demands of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clickhouse_connect.driver.exceptions import DatabaseError

from broker import clickhouse
from broker.clickhouse_errors import Failure, failure_of, one_line
from broker.tls import tls_trouble
from schemas.settings import SettingsError
from sinks.errors import ConfigurationError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from tenacity import RetryCallState

    from schemas.settings import Settings

__all__ = ["connect", "insert_settings", "reason_of"]

_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 120


def reason_of(attempt: RetryCallState) -> str:
    """Why an attempt failed, for the log."""
    error = attempt.outcome.exception() if attempt.outcome is not None else None
    return one_line(error or OSError())


def insert_settings(token: str) -> dict[str, str | int]:
    """Settings that make one insert one block, known to the table by `token`.

    The same token twice stores the rows once. A block that is split is stored in part when a later row is bad, so
    everything that would split it is off.
    """
    return {
        "async_insert": 0,
        "insert_deduplicate": 1,
        "insert_deduplication_token": token,
        "input_format_parallel_parsing": 0,
        "max_insert_block_size": 1 << 30,
        "min_insert_block_size_rows": 1 << 30,
        "min_insert_block_size_bytes": 1 << 40,
        "max_insert_threads": 1,
        "date_time_input_format": "basic",
    }


def connect(settings: Settings) -> Client:
    """Open a client that several threads may share.

    Raises ConfigurationError where trying again cannot help, and CLICKHOUSE_ERRORS while the server does not answer.
    """
    try:
        return clickhouse.connect(
            settings,
            connect_seconds=_CONNECT_SECONDS,
            answer_seconds=_ANSWER_SECONDS,
            compress=False,
            # Repeats are ours to make: the driver's would hide how long a server has been away.
            query_retries=0,
        )
    except SettingsError as error:
        raise ConfigurationError(str(error)) from error
    except DatabaseError as error:
        trouble = tls_trouble(error, clickhouse.TLS_PREFIX)
        if trouble is not None and trouble.lasting:
            message = f"TELEMETRY_CLICKHOUSE: it {trouble.detail}. {trouble.mend}"
            raise ConfigurationError(message) from error
        if failure_of(error) is Failure.CONFIGURATION:
            message = f"TELEMETRY_CLICKHOUSE: {one_line(error)}. Correct the user or the password in the URL."
            raise ConfigurationError(message) from error
        raise
