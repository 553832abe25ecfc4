"""The producer that writes a copy of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker import clients

if TYPE_CHECKING:
    import aiokafka

    from schemas.settings import Settings

__all__ = ["transactional_producer"]

_BATCH_BYTES: Final = 1 << 20
_TRANSACTION_MS: Final = 60_000


def transactional_producer(settings: Settings, transactional_id: str) -> aiokafka.AIOKafkaProducer:
    """A producer that fences, once it is started, an earlier one of the same id."""
    return clients.producer(
        settings.kafka_options(),
        transactional_id=transactional_id,
        transaction_timeout_ms=_TRANSACTION_MS,
        compression_type="zstd",
        max_batch_size=_BATCH_BYTES,
        # A body as large as any, with its headers and one more.
        max_request_size=3 * settings.max_body_bytes,
    )
