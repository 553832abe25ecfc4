"""Why facts could not be exported."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from broker.clickhouse_errors import CLICKHOUSE_ERRORS, Failure, failure_of, one_line
from schemas.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ExportError", "explained"]


class ExportError(OperatorError):
    """The export cannot be done, or go on, as asked; the text is one line that says what to do."""


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Raise ExportError where the views are those of an older release, and what else goes wrong as it is."""
    try:
        yield
    except CLICKHOUSE_ERRORS as error:
        if failure_of(error) is not Failure.SCHEMA:
            raise
        message = f"the views do not fit this release ({one_line(error)}): run `learnpack-telemetry setup` of it."
        raise ExportError(message) from error
