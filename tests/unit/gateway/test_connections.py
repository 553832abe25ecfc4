"""Connections of one address."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
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


def peer(pair: tuple[socket.socket, socket.socket]) -> tuple[str, int]:
    """The address and port of their end."""
    host, port = pair[0].getsockname()[:2]
    return host, port


def test_looking_takes_no_descriptor(listening: tuple[int, Pairs]) -> None:
    """However often connections are counted and shut, the process has as many descriptors as before."""
    port, _ = listening
    connections = Connections(port, 2, Addresses(), most=6)
    before = len(list(Path("/proc/self/fd").iterdir()))

    for moment in range(3):
        connections.shut_surplus(float(moment))

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_is_too_many_is_shut(listening: tuple[int, Pairs]) -> None:
    """First those that said nothing yet, then whoever said something longest ago."""
    port, pairs = listening
    connections = Connections(port, 2, Addresses(), most=6)
    for place in (4, 0, 2):
        connections.begin(peer(pairs[place]))
        connections.end(peer(pairs[place]))

    assert connections.shut_surplus(0.0) == 4
    assert shut(pairs) == [False, True, False, True, True, True]


def test_a_request_under_way_is_shut_last(listening: tuple[int, Pairs]) -> None:
    """However long ago it began: whoever sends it would not send it again."""
    port, pairs = listening
    connections = Connections(port, 2, Addresses(), most=6)
    for place in range(6):
        connections.begin(peer(pairs[place]))
        connections.begin(peer(pairs[place]))
        connections.end(peer(pairs[place]))
    for place in (1, 2, 3, 5):
        connections.end(peer(pairs[place]))

    assert connections.shut_surplus(0.0) == 4
    assert shut(pairs) == [False, True, True, True, False, True]


def test_a_new_connection_has_a_moment_for_its_first_request(listening: tuple[int, Pairs]) -> None:
    """Silent ones that have just been made do not count, nor does anybody who spoke go for them."""
    port, pairs = listening
    connections = Connections(port, 2, Addresses(), most=100)
    for place in (0, 3):
        connections.begin(peer(pairs[place]))

    assert connections.shut_surplus(10.0) == 0
    assert connections.shut_surplus(11.9) == 0
    connections.begin(peer(pairs[5]))
    assert connections.shut_surplus(12.0) == 4
    assert shut(pairs) == [True, True, True, False, True, False]


def test_within_the_limit_nothing_is_shut(listening: tuple[int, Pairs]) -> None:
    """However silent it is; and connections to other ports are nobody's business here."""
    port, pairs = listening

    assert Connections(port, 6, Addresses(), most=6).shut_surplus(0.0) == 0
    assert Connections(port + 1, 1, Addresses(), most=6).shut_surplus(0.0) == 0
    assert not any(shut(pairs))


def test_a_proxys_connections_are_its_own(listening: tuple[int, Pairs]) -> None:
    """Whom they are for is not known, and the proxy has limits of its own."""
    port, pairs = listening

    assert Connections(port, 1, Addresses(["127.0.0.0/8"]), most=6).shut_surplus(0.0) == 0
    assert not any(shut(pairs))


def test_what_was_heard_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that are gone are forgotten, too."""
    monkeypatch.setattr("gateway.connections._MOST_HEARD", 3)
    connections = Connections(1, 1, Addresses())
    for port in (1, 2, 1, 3, 4):
        connections.begin(("127.0.0.1", port))
        connections.end(("127.0.0.1", port))

    assert [port for _, port in connections._heard] == [1, 3, 4]  # noqa: SLF001 - nothing else shows it
    assert not connections._under_way  # noqa: SLF001 - as above


def test_there_is_room_for_many() -> None:
    """As far as the system allows."""
    assert most_connections() >= 128
