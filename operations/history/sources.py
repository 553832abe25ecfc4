"""Where the LMS's rows come from: its database, or files that it has exported; and in which order they are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from operations.history.rows import Row, TelemetryRow, WebhookRow

__all__ = ["ALWAYS", "BEGIN", "EARLIEST", "MOST_AHEAD", "Position", "Source", "Span", "Survey", "in_order"]


# A row of before 2000, or of more than ten minutes ahead, has no usable time (microseconds): nobody worked then, and
# what is of tomorrow would hold back all that its student does until then.
EARLIEST: Final = 946_684_800_000_000
MOST_AHEAD: Final = 600_000_000


@dataclass(frozen=True, slots=True)
class Position:
    """The last rows that were taken: a webhook's id, and of telemetry the instant and the id.

    The first that were ever taken are a webhook's id and the instant of telemetry, None where there was none yet.
    """

    webhook: int = -1
    telemetry_at: int = -(1 << 62)
    telemetry: int = -1
    first_webhook: int | None = None
    first_telemetry_at: int | None = None


BEGIN = Position()


@dataclass(frozen=True, slots=True)
class Span:
    """From an instant on, included, until another one, both in microseconds; None: without an end."""

    since: int | None = None
    until: int | None = None

    def holds(self, at: int) -> bool:
        """Whether an instant lies in it."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


ALWAYS = Span()


@dataclass(frozen=True, slots=True)
class Survey:
    """How many rows there are behind a position, and the oldest instant of them in microseconds (None: no row).

    `untimed` have no usable time and are not given. `passed` rows lie at the position or before it, `missed` of them
    before the first that was ever taken. `waiting` rows are too young to be given: the next run has them.
    """

    webhooks: int
    telemetry: int
    oldest: int | None
    untimed: int = 0
    passed: int = 0
    missed: int = 0
    waiting: int = 0


class Source(Protocol):
    """Gives the LMS's rows; every method blocks and may be called by another thread than the one before."""

    def survey(self, span: Span, after: Position, /) -> Survey:
        """Count the rows of a span behind a position; raises OperatorError."""

    def webhooks(self, span: Span, after: int, /) -> Iterator[WebhookRow]:
        """Those behind an id, by id; holds no more than a page of them. Raises OperatorError."""

    def telemetry(self, span: Span, after: tuple[int, int], /) -> Iterator[TelemetryRow]:
        """Those behind an instant and id, in this order; holds no more than a page of them. Raises OperatorError."""


def in_order(webhooks: Iterable[WebhookRow], telemetry: Iterable[TelemetryRow]) -> Iterator[Row]:
    """Both by their instants, so that each student's lie one behind the other as they happened.

    Webhooks stay in the order of their ids. A document follows the webhooks that came before it was stored.
    """
    documents = iter(telemetry)
    document = next(documents, None)
    for webhook in webhooks:
        while document is not None and document.at < webhook.at:
            yield document
            document = next(documents, None)
        yield webhook
    if document is not None:
        yield document
        yield from documents
