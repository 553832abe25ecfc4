"""The key of pseudonyms: the settings', else one that is made once and kept in Kafka, beside the journal."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from broker import clients
from operations.generations.journal import topic_records
from schemas.errors import OperatorError
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["PseudonymError", "keyed_settings", "lacks_pseudonym_key", "make_pseudonym_key"]

# Each has a key of its own, so that compaction keeps the first for ever; only the first counts.
_RECORD: Final = b"pseudonym-key:"
_PARTITION: Final = 0
_BYTES: Final = 32


class PseudonymError(OperatorError):
    """There is no key of pseudonyms; the text says what to do."""


async def keyed_settings(settings: Settings) -> Settings:
    """The settings with the key of pseudonyms that this system uses.

    Raises PseudonymError where none has been made, and KafkaError.
    """
    if settings.pseudonym_key is not None:
        return settings
    key = await _kept(settings)
    if key is None:
        message = "there is no key of pseudonyms yet: run `learnpack-telemetry setup`, or set TELEMETRY_PSEUDONYM_KEY."
        raise PseudonymError(message)
    return settings.model_copy(update={"pseudonym_key": SecretStr(key)})


async def lacks_pseudonym_key(settings: Settings) -> bool:
    """Whether `make_pseudonym_key` would make one. Raises KafkaError."""
    return settings.pseudonym_key is None and await _kept(settings) is None


async def make_pseudonym_key(settings: Settings) -> bool:
    """Make the key where there is none; whether it was made. Of two who do so at once both use the first's."""
    if not await lacks_pseudonym_key(settings):
        return False
    async with clients.opened(clients.producer(settings.kafka_options())) as producer:
        value = secrets.token_hex(_BYTES).encode()
        name = _RECORD + secrets.token_hex(8).encode()
        await producer.send_and_wait(Topics.of(settings).generations, value, name, partition=_PARTITION)
    return True


async def _kept(settings: Settings) -> str | None:
    for key, value in await topic_records(settings):
        if key is not None and key.startswith(_RECORD) and value:
            return value.decode()
    return None
