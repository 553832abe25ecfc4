"""What `notebook` makes of what the gateway says of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.cli import notebook
from operations.asking import Answer
from tests.support.commands import command

if TYPE_CHECKING:
    from collections.abc import Mapping

NEWEST = Answer(200, b'{"results": [{"file": "a.whl", "sha256": "00"}]}')


@pytest.mark.parametrize(
    ("said", "code", "note"),
    [
        (Answer(403, b'{"slug": "missing-capability"}'), 0, ""),
        (Answer(403, b"<html>"), 0, "(status 403): see that what a notebook sends arrives."),
        (Answer(404, b"{}"), 0, "(status 404): see that what a notebook sends arrives."),
        (Answer(200, b"{}"), 1, "--key can read"),
        (Answer(400, b"{}"), 1, "--key can read"),
        (Answer(401, b"{}"), 1, "the gateway knows no such --key"),
        (Answer(503, b"{}"), 1, "(status 503): ask again in a moment."),
        (TimeoutError("timed out"), 1, "(timed out): ask again in a moment."),
    ],
)
def test_an_address_is_printed_with_a_key_that_only_writes(
    monkeypatch: pytest.MonkeyPatch, said: Answer | Exception, code: int, note: str
) -> None:
    """Or with a note, where whatever stands before the gateway does not let it be asked."""

    async def ask(url: str, *, timeout_seconds: float, headers: Mapping[str, str] | None = None) -> Answer:
        assert timeout_seconds
        if url.endswith("/notebook"):
            return NEWEST
        assert headers == {"Authorization": "Token key"}
        if isinstance(said, Exception):
            raise said
        return said

    monkeypatch.setattr(notebook, "ask", ask)
    outcome = command("notebook", "--url", "https://telemetry.example", "--key", "key")

    assert (outcome.code, bool(outcome.out)) == (code, code == 0)
    assert note in outcome.err
    assert bool(outcome.err) == bool(note)
