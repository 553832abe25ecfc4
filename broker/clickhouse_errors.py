"""What ClickHouse's errors mean: whether to wait, to look at the rows, or to give up."""

from __future__ import annotations

from enum import Enum
from typing import Final

from clickhouse_connect.driver.exceptions import ClickHouseError, Error
from urllib3.exceptions import HTTPError

__all__ = ["CLICKHOUSE_ERRORS", "Failure", "failure_of", "one_line"]

# What a call may raise: the server's and the driver's own errors, and what the network makes of them.
CLICKHOUSE_ERRORS: Final = (ClickHouseError, HTTPError, OSError)


class Failure(Enum):
    """What to do about an error of ClickHouse."""

    WAIT = "try again later"
    DATA = "some row is refused"
    SCHEMA = "the tables do not fit"
    CONFIGURATION = "it can never work like this"
    FOREIGN = "not ClickHouse's at all"


# Codes of ClickHouse's src/Common/ErrorCodes.cpp. What is not named here is waited for: a server that is down, slow,
# read-only, out of disk, memory or patience with our parts gets well again, and nothing is lost by waiting.
_FAILURES: Final = {
    6: Failure.DATA,  # CANNOT_PARSE_TEXT
    25: Failure.DATA,  # CANNOT_PARSE_ESCAPE_SEQUENCE
    26: Failure.DATA,  # CANNOT_PARSE_QUOTED_STRING
    27: Failure.DATA,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
    32: Failure.DATA,  # ATTEMPT_TO_READ_AFTER_EOF
    33: Failure.DATA,  # CANNOT_READ_ALL_DATA
    38: Failure.DATA,  # CANNOT_PARSE_DATE
    41: Failure.DATA,  # CANNOT_PARSE_DATETIME
    53: Failure.DATA,  # TYPE_MISMATCH
    69: Failure.DATA,  # ARGUMENT_OUT_OF_BOUND
    70: Failure.DATA,  # CANNOT_CONVERT_TYPE
    72: Failure.DATA,  # CANNOT_PARSE_NUMBER
    117: Failure.DATA,  # INCORRECT_DATA
    130: Failure.DATA,  # CANNOT_READ_ARRAY_FROM_TEXT
    131: Failure.DATA,  # TOO_LARGE_STRING_SIZE
    128: Failure.DATA,  # TOO_LARGE_ARRAY_SIZE
    321: Failure.DATA,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    349: Failure.DATA,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    376: Failure.DATA,  # CANNOT_PARSE_UUID
    407: Failure.DATA,  # DECIMAL_OVERFLOW
    467: Failure.DATA,  # CANNOT_PARSE_BOOL
    469: Failure.DATA,  # VIOLATED_CONSTRAINT
    691: Failure.DATA,  # UNKNOWN_ELEMENT_OF_ENUM
    306: Failure.DATA,  # TOO_DEEP_RECURSION
    # UNKNOWN_EXCEPTION: what the embedded engine makes of a refused value that it cannot quote in UTF-8
    1002: Failure.DATA,
    8: Failure.SCHEMA,  # THERE_IS_NO_COLUMN
    10: Failure.SCHEMA,  # NOT_FOUND_COLUMN_IN_BLOCK
    16: Failure.SCHEMA,  # NO_SUCH_COLUMN_IN_TABLE
    47: Failure.SCHEMA,  # UNKNOWN_IDENTIFIER
    48: Failure.SCHEMA,  # NOT_IMPLEMENTED: a view of this name where a table is meant
    60: Failure.SCHEMA,  # UNKNOWN_TABLE
    81: Failure.SCHEMA,  # UNKNOWN_DATABASE
    115: Failure.CONFIGURATION,  # UNKNOWN_SETTING
    192: Failure.CONFIGURATION,  # UNKNOWN_USER
    193: Failure.CONFIGURATION,  # WRONG_PASSWORD
    194: Failure.CONFIGURATION,  # REQUIRED_PASSWORD
    497: Failure.CONFIGURATION,  # ACCESS_DENIED
    516: Failure.CONFIGURATION,  # AUTHENTICATION_FAILED
}


def failure_of(error: BaseException) -> Failure:
    """What to do about an error that a call of the client raised; decided by its code, never by its text."""
    if not isinstance(error, CLICKHOUSE_ERRORS):
        return Failure.FOREIGN
    code = error.code if isinstance(error, Error) else None
    return Failure.WAIT if code is None else _FAILURES.get(code, Failure.WAIT)


def one_line(error: BaseException) -> str:
    """An error's text for a log or a dead letter: its first line, without the driver's frame, 500 characters."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    text = text.rpartition("server response: ")[2].partition(" (for url ")[0]
    return text[:500]
