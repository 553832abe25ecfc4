"""Connections of one address."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from gateway.addresses import Addresses
from gateway.connections import Connections, Shut, most_connections
from gateway.metrics import Metrics
from tests.support.metrics import sample
from tests.support.waiting import aeventually, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def shut(pairs: Pairs, count: int) -> list[bool]:
    """Which of the connections are shut, once so many are: on a busy machine their ends hear of it a little later."""
    eventually(lambda: sum(_shut_now(pairs)) >= count, 30, f"{count} connections shut")
    return _shut_now(pairs)


def _shut_now(pairs: Pairs) -> list[bool]:
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
    """However often connections are counted and shut, the process has no more descriptors than before."""
    port, _ = listening
    connections = Connections(port, 2, Addresses(), most=6)
    before = {entry.name for entry in Path("/proc/self/fd").iterdir()}

    for moment in range(3):
        connections.shut_surplus(float(moment))

    # Whatever else is in this process may have closed some of its own meanwhile.
    assert {entry.name for entry in Path("/proc/self/fd").iterdir()} <= before


def test_what_is_too_many_is_shut(listening: tuple[int, Pairs]) -> None:
    """First those that said nothing yet, then whoever said something longest ago."""
    port, pairs = listening
    connections = Connections(port, 2, Addresses(), most=6)
    for place in (4, 0, 2):
        connections.begin(peer(pairs[place]))
        connections.end(peer(pairs[place]))

    assert connections.shut_surplus(0.0) == Shut(idle=4)
    assert shut(pairs, 4) == [False, True, False, True, True, True]


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

    assert connections.shut_surplus(0.0) == Shut(idle=4)
    assert shut(pairs, 4) == [False, True, True, True, False, True]


def test_a_new_connection_has_a_moment_for_its_first_request(listening: tuple[int, Pairs]) -> None:
    """Silent ones that have just been made do not count, nor does anybody who spoke go for them."""
    port, pairs = listening
    connections = Connections(port, 2, Addresses(), most=100)
    for place in (0, 3):
        connections.begin(peer(pairs[place]))

    assert connections.shut_surplus(10.0) == Shut()
    assert connections.shut_surplus(11.9) == Shut()
    connections.begin(peer(pairs[5]))
    assert connections.shut_surplus(12.0) == Shut(answering=1, idle=3)
    assert shut(pairs, 4) == [True, True, True, False, True, False]


async def test_what_was_shut_is_counted_and_told_once_a_minute(
    listening: tuple[int, Pairs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whether a request was under way; what is shut within the minute is in the next line."""
    port, pairs = listening
    metrics = Metrics()
    connections = Connections(port, 5, Addresses(), most=6, count=metrics.note_shut)
    monkeypatch.setattr("gateway.connections._LOOK_SECONDS", 0.01)

    async def counted(idle: int, answering: int) -> bool:
        text = metrics.text().decode()
        series = "telemetry_gateway_connections_shut_total"
        return (idle, answering) == (
            sample(text, f'{series}{{state="idle"}}'),
            sample(text, f'{series}{{state="answering"}}'),
        )

    with capture_logs() as logged:
        watching = asyncio.ensure_future(connections.watch())
        await aeventually(lambda: counted(1, 0), 30, "one of six is counted")
        told = [(line["log_level"], line["count"], line["answering"], line["limit"]) for line in logged]
        connections._limit = 4  # noqa: SLF001 - what is open is too many now
        for pair in pairs:
            connections.begin(peer(pair))
        await aeventually(lambda: counted(1, 1), 30, "another, whose request was under way")
        again = len(logged)
        monkeypatch.setattr("gateway.connections._WARN_SECONDS", 0.0)
        await aeventually(lambda: _said(logged, 2), 30, "the next line")
        watching.cancel()

    assert told == [("warning", 1, 0, 5)]
    assert again == 1
    assert (logged[1]["count"], logged[1]["answering"]) == (1, 1)


async def _said(logged: Sequence[object], lines: int) -> bool:
    return len(logged) == lines


def test_within_the_limit_nothing_is_shut(listening: tuple[int, Pairs]) -> None:
    """However silent it is; and connections to other ports are nobody's business here."""
    port, pairs = listening

    assert Connections(port, 6, Addresses(), most=6).shut_surplus(0.0) == Shut()
    assert Connections(port + 1, 1, Addresses(), most=6).shut_surplus(0.0) == Shut()
    assert not any(shut(pairs, 0))


def test_a_proxys_connections_are_its_own(listening: tuple[int, Pairs]) -> None:
    """Whom they are for is not known, and the proxy has limits of its own."""
    port, pairs = listening

    assert Connections(port, 1, Addresses(["127.0.0.0/8"]), most=6).shut_surplus(0.0) == Shut()
    assert not any(shut(pairs, 0))


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
