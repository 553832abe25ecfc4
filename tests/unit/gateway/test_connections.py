"""Connections of one address."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from gateway.addresses import Addresses
from gateway.connections import Connections, most_connections

if TYPE_CHECKING:
    from collections.abc import Iterator

Pairs = list[tuple[socket.socket, socket.socket]]


@pytest.fixture
def listening() -> Iterator[tuple[int, Pairs]]:
    """A port of this process, and the two ends of six connections to it."""
    with contextlib.ExitStack() as closing:
        listener = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = listener.getsockname()[1]
        pairs = []
        for _ in range(6):
            theirs = closing.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            ours = closing.enter_context(listener.accept()[0])
            pairs.append((theirs, ours))
        yield port, pairs


def shut(pairs: Pairs) -> list[bool]:
    """Which of the connections are shut."""
    closed = []
    for theirs, _ in pairs:
        theirs.setblocking(False)  # noqa: FBT003 - its only argument
        try:
            closed.append(theirs.recv(1) == b"")
        except BlockingIOError:
            closed.append(False)
    return closed


def test_what_is_too_many_is_shut(listening: tuple[int, Pairs]) -> None:
    """First those that said nothing yet, then whoever said something longest ago."""
    port, pairs = listening
    connections = Connections(port, 2, Addresses())
    heard = {pairs[place][0].getsockname()[:2]: order for order, place in enumerate((4, 0, 2))}

    assert connections.shut_surplus(heard, 0.0) == 4
    assert shut(pairs) == [False, True, False, True, True, True]


def test_within_the_limit_nothing_is_shut(listening: tuple[int, Pairs]) -> None:
    """However silent it is; and connections to other ports are nobody's business here."""
    port, pairs = listening

    assert Connections(port, 6, Addresses()).shut_surplus({}, 0.0) == 0
    assert Connections(port + 1, 1, Addresses()).shut_surplus({}, 0.0) == 0
    assert not any(shut(pairs))


def test_a_proxys_connections_are_its_own(listening: tuple[int, Pairs]) -> None:
    """Whom they are for is not known, and the proxy has limits of its own."""
    port, pairs = listening

    assert Connections(port, 1, Addresses(["127.0.0.0/8"])).shut_surplus({}, 0.0) == 0
    assert not any(shut(pairs))


def test_what_was_heard_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that are gone are forgotten, too."""
    monkeypatch.setattr("gateway.connections._MOST_HEARD", 3)
    connections = Connections(1, 1, Addresses())
    for port in (1, 2, 1, 3, 4):
        connections.heard(("127.0.0.1", port))

    assert [port for _, port in connections._heard] == [1, 3, 4]  # noqa: SLF001 - nothing else shows it


def test_there_is_room_for_many() -> None:
    """As far as the system allows."""
    assert most_connections() >= 128
