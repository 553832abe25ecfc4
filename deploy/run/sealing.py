"""The key that the console's sessions are signed with: of the system and not of a process, so that all know it."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError

from gateway.errors import KafkaUnavailableError
from operations.pseudonyms import PseudonymError, keyed_settings

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["console_key"]

# Another purpose has another key, and whoever learns this one cannot tell that of pseudonyms.
_PURPOSE: Final = b"sessions of the console"


async def console_key(settings: Settings) -> bytes:
    """A key made from that of pseudonyms, which every gateway of a system finds.

    Raises KafkaUnavailableError where it cannot be read or has not been made yet.
    """
    try:
        keyed = await keyed_settings(settings)
    except (KafkaError, OSError, PseudonymError) as error:
        raise KafkaUnavailableError(str(error)) from error
    assert keyed.pseudonym_key is not None  # noqa: S101 - that is what is made sure of above
    return hmac.digest(keyed.pseudonym_key.get_secret_value().encode(), _PURPOSE, "sha256")
