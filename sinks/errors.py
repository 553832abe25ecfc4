"""What can go wrong in the sink.

SinkError
├── SchemaMismatchError   the tables do not fit the rows: stop, an ALTER is needed
├── TooManyBadRowsError   nearly everything is refused: stop rather than drain a topic into the dead letters
├── ConfigurationError    an address, a name or a credential that cannot work: stop
├── BadRecordError        one record cannot become rows: dead letter
└── FencedError           another sink owns the partition now: drop what is in hand
"""

from __future__ import annotations

__all__ = [
    "BadRecordError",
    "ConfigurationError",
    "FencedError",
    "SchemaMismatchError",
    "SinkError",
    "TooManyBadRowsError",
]


class SinkError(Exception):
    """Base of the sink's errors; the text is one line that says what to do."""


class SchemaMismatchError(SinkError):
    """A table lacks a column or has another type; `remedy` is the statement to run."""

    def __init__(self, table: str, problem: str, remedy: str) -> None:
        super().__init__(f"Table {table} {problem}. Run: {remedy}")
        self.remedy = remedy


class TooManyBadRowsError(SinkError):
    """More rows of one block are refused than a few bad ones would explain."""


class ConfigurationError(SinkError):
    """A setting cannot work as it is; trying again would not help."""


class BadRecordError(SinkError):
    """A record cannot be turned into rows; the text is the reason of its dead letter."""


class FencedError(SinkError):
    """The partition has been given to another sink."""
