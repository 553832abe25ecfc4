"""How long the members of a forwarder's group wait for each other."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from broker import clients
from schemas.settings import Settings
from sinks.forward.group import Group
from sinks.forward.post import READ_SECONDS


@pytest.mark.parametrize("seconds", [1, 15, 25])
async def test_members_wait_until_a_post_can_have_ended(seconds: int) -> None:
    """Else another one posts what comes after it, and both do so again and again; and no longer than a request may."""
    settings = Settings(_env_file=None, forward_timeout=seconds)
    group = Group(settings, {}, make=lambda **_: pytest.fail("nothing is posted"))
    waits = group._consumer._rebalance_timeout_ms / 1000  # noqa: SLF001 - what brokers are told
    await group._consumer.stop()  # noqa: SLF001 - it was not started

    assert waits > seconds + READ_SECONDS + clients.REQUEST_SECONDS
    assert waits + clients.REQUEST_SECONDS <= clients._MOST_SECONDS  # noqa: SLF001 - the bound of all clients


def test_an_answer_has_no_longer_than_members_wait() -> None:
    """More is refused by the settings."""
    with pytest.raises(ValidationError):
        Settings(_env_file=None, forward_timeout=26)
