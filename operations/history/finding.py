"""Finds again how far an import is, of which Kafka has forgotten the note: by the receipts of the records in the log.

Kafka keeps the note, a committed offset, for a week after the last run; the records stay for as long as the log does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from broker.reading import read_topic, written_ends
from operations.raw_log.imported import ImportNote
from schemas.wire.headers import readable_headers
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.settings import Settings

__all__ = ["Receipts", "find_note", "is_imported", "telemetry_receipt", "webhook_receipt"]

_WEBHOOK: Final = re.compile(r"lms-webhook-([0-9]+)")
_TELEMETRY: Final = re.compile(r"lms-telemetry-([0-9]+)-(-?[0-9]+)")


def webhook_receipt(number: int) -> str:
    """The receipt of a row of LearnPackWebhook."""
    return f"lms-webhook-{number}"


def telemetry_receipt(number: int, at: int) -> str:
    """The receipt of a row of AssignmentTelemetry; one that has changed since is no repetition."""
    return f"lms-telemetry-{number}-{at}"


def is_imported(headers: Iterable[tuple[str, bytes]]) -> bool:
    """Whether an import wrote the record."""
    receipt = readable_headers(headers).receipt or ""
    return bool(_WEBHOOK.fullmatch(receipt) or _TELEMETRY.fullmatch(receipt))


class Receipts:
    """What the receipts of a log's records say, partition by partition in its order."""

    def __init__(self) -> None:
        self._last: dict[int, str] = {}
        self._webhook, self._telemetry = -1, (ImportNote().telemetry_at, -1)
        self._webhooks = self._documents = 0
        self._until: int | None = None

    def add(self, partition: int, timestamp: int, headers: Iterable[tuple[str, bytes]]) -> None:
        """One record more; `timestamp` is its arrival in milliseconds."""
        read = readable_headers(headers)
        receipt = read.receipt or ""
        # What was sent again is behind its row, and a row's document and scores are two records with one receipt.
        if read.retry_of is not None or receipt == self._last.get(partition):
            return
        self._last[partition] = receipt
        if found := _WEBHOOK.fullmatch(receipt):
            self._webhook = max(self._webhook, int(found[1]))
            self._webhooks += 1
        elif found := _TELEMETRY.fullmatch(receipt):
            self._telemetry = max(self._telemetry, (int(found[2]), int(found[1])))
            self._documents += 1
        elif read.place is not None:
            # It is of the log that was continued behind history.
            at = timestamp * 1000
            self._until = at if self._until is None else min(self._until, at)

    def note(self) -> ImportNote | None:
        """How far the import is; None where no record is of one. Which rows were left out nobody knows any more."""
        if not self._webhooks + self._documents:
            return None
        at, telemetry = self._telemetry
        return ImportNote(
            webhook=self._webhook,
            telemetry_at=at,
            telemetry=telemetry,
            webhooks=self._webhooks,
            documents=self._documents,
            until=self._until,
            found=True,
        )


async def find_note(settings: Settings, partitions: int) -> ImportNote | None:
    """Read the whole log for its receipts, some ten thousand records a second; raises aiokafka's KafkaError."""
    receipts, raw = Receipts(), Topics.of(settings).raw
    ends = await written_ends(settings, raw, range(partitions))
    async for number, records in read_topic(settings, raw, {}, ends, lambda _: None):
        for record in records:
            receipts.add(number, record.timestamp, record.headers)
    return receipts.note()
