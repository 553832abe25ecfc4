"""Commands while Kafka takes connections and answers nothing on them, as it does when its process is stopped."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from broker import clients
from schemas.settings import PREFIX
from tests.support.commands import command

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of such one, where commands look for Kafka; nobody is at those of the others."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        address, nobody = (f"127.0.0.1:{one.getsockname()[1]}" for one in (server, closed))
        closed.close()
        monkeypatch.setattr(clients, "REQUEST_SECONDS", 0.1)
        monkeypatch.setenv(f"{PREFIX}KAFKA", address)
        monkeypatch.setenv(f"{PREFIX}CLICKHOUSE", f"http://{nobody}")
        monkeypatch.setenv(f"{PREFIX}GATEWAY_URL", f"http://{nobody}")
        yield address


# Less than aiokafka's own patience, which is 40 s.
@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "words",
    [("forward", "status"), ("forward", "pause"), ("directory", "show"), ("rules", "get", 1), ("replay", "status")],
)
def test_a_command_says_soon_that_kafka_does_not_answer(silent: str, words: tuple[object, ...]) -> None:
    """In one line, whichever client it begins with."""
    outcome = command(*words)

    assert outcome.code == 1
    assert f"it does not answer at {silent}" in outcome.complaint


@pytest.mark.timeout(30)
def test_status_and_doctor_tell_it_among_the_rest(silent: str) -> None:
    """With what is known of the other parts."""
    for words in (("status", "--json"), ("doctor", "--json")):
        outcome = command(*words)

        assert outcome.code == 1
        assert f"does not answer at {silent}" in outcome.out
        assert "clickhouse" in outcome.out
