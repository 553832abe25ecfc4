"""The connection to ClickHouse: how it is opened, what every insert demands of it, and what its errors mean."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, Error
from clickhouse_connect.driver.httputil import get_pool_manager
from urllib3.exceptions import HTTPError

from sinks.errors import ConfigurationError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings

__all__ = ["CLICKHOUSE_ERRORS", "Failure", "connect", "failure_of", "insert_settings", "one_line"]

# What a call may raise: the server's and the driver's own errors, and what the network makes of them.
CLICKHOUSE_ERRORS: Final = (ClickHouseError, HTTPError, OSError)

_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 120


class Failure(Enum):
    """What to do about an error of ClickHouse."""

    WAIT = "try again later"
    DATA = "some row is refused"
    SCHEMA = "the tables do not fit"
    CONFIGURATION = "it can never work like this"
    FOREIGN = "not ClickHouse's at all"


# Codes of ClickHouse's src/Common/ErrorCodes.cpp. What is not named here is waited for: a server that is down, slow,
# read-only, out of disk, memory or patience with our parts gets well again, and nothing is lost by waiting.
_DATA: Final = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        25,  # CANNOT_PARSE_ESCAPE_SEQUENCE
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        130,  # CANNOT_READ_ARRAY_FROM_TEXT
        131,  # TOO_LARGE_STRING_SIZE
        128,  # TOO_LARGE_ARRAY_SIZE
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        376,  # CANNOT_PARSE_UUID
        407,  # DECIMAL_OVERFLOW
        467,  # CANNOT_PARSE_BOOL
        469,  # VIOLATED_CONSTRAINT
        691,  # UNKNOWN_ELEMENT_OF_ENUM
        306,  # TOO_DEEP_RECURSION
        1002,  # UNKNOWN_EXCEPTION: what the embedded engine makes of a refused value that it cannot quote in UTF-8
    }
)
_SCHEMA: Final = frozenset(
    {
        8,  # THERE_IS_NO_COLUMN
        10,  # NOT_FOUND_COLUMN_IN_BLOCK
        16,  # NO_SUCH_COLUMN_IN_TABLE
        47,  # UNKNOWN_IDENTIFIER
        48,  # NOT_IMPLEMENTED: a view of this name where a table is meant
        60,  # UNKNOWN_TABLE
        81,  # UNKNOWN_DATABASE
    }
)
_CONFIGURATION: Final = frozenset(
    {
        115,  # UNKNOWN_SETTING
        192,  # UNKNOWN_USER
        193,  # WRONG_PASSWORD
        194,  # REQUIRED_PASSWORD
        497,  # ACCESS_DENIED
        516,  # AUTHENTICATION_FAILED
    }
)


def failure_of(error: BaseException) -> Failure:
    """What to do about an error that a call of the client raised; decided by its code, never by its text."""
    if not isinstance(error, CLICKHOUSE_ERRORS):
        return Failure.FOREIGN
    code = error.code if isinstance(error, Error) else None
    if code in _DATA:
        return Failure.DATA
    if code in _SCHEMA:
        return Failure.SCHEMA
    if code in _CONFIGURATION:
        return Failure.CONFIGURATION
    return Failure.WAIT


def one_line(error: BaseException) -> str:
    """An error's text for a log or a dead letter: its first line, without the driver's frame, 500 characters."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    text = text.rpartition("server response: ")[2].partition(" (for url ")[0]
    return text[:500]


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
        return clickhouse_connect.get_client(
            dsn=settings.clickhouse.get_secret_value(),
            autogenerate_session_id=False,
            compress=False,
            connect_timeout=_CONNECT_SECONDS,
            send_receive_timeout=_ANSWER_SECONDS,
            # Repeats are ours to make: the driver's would hide how long a server has been away.
            query_retries=0,
            pool_mgr=get_pool_manager(maxsize=16, num_pools=2),
        )
    except DatabaseError as error:
        if failure_of(error) is Failure.CONFIGURATION:
            message = f"TELEMETRY_CLICKHOUSE: {one_line(error)}. Correct the user or the password in the URL."
            raise ConfigurationError(message) from error
        raise
