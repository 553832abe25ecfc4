"""What errors of ClickHouse mean."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from broker.clickhouse_errors import Failure, failure_of, one_line


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (27, Failure.DATA),
        (117, Failure.DATA),
        (16, Failure.SCHEMA),
        (60, Failure.SCHEMA),
        (516, Failure.CONFIGURATION),
        (252, Failure.WAIT),
        (243, Failure.WAIT),
        (242, Failure.WAIT),
        (164, Failure.WAIT),
        (241, Failure.WAIT),
        (159, Failure.WAIT),
        (999, Failure.WAIT),
        (None, Failure.WAIT),
    ],
)
def test_codes_decide(code: int | None, failure: Failure) -> None:
    """Refused rows, wrong tables and wrong credentials are told apart by code; everything else may get well."""
    assert failure == failure_of(DatabaseError("text", code=code))


@pytest.mark.parametrize("error", [OperationalError("connection refused"), ConnectionResetError(), TimeoutError()])
def test_the_network_is_waited_for(error: Exception) -> None:
    """A connection that fails is no reason to give up."""
    assert failure_of(error) is Failure.WAIT


def test_an_error_in_our_own_code_is_not_waited_for() -> None:
    """A bug must end the process, not be tried again for ever."""
    assert failure_of(AttributeError("x")) is Failure.FOREIGN


def test_an_error_is_one_line() -> None:
    """Logs and dead letters get the first line of an error's text, or its type where it has none."""
    assert (one_line(ValueError("a" * 900 + "\nb")), one_line(TimeoutError())) == ("a" * 500, "TimeoutError")
