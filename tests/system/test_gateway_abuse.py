"""The gateway against whatever may be sent to it: no 5xx, no leak, no growth."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gzip
import socket
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.abuse import LOG, fuzz, resident
from tests.support.http_directory import secret
from tests.support.http_system import HttpSystem, http_system
from tests.support.ingest import ME
from tests.support.metrics import sample
from tests.support.sources import parsed
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

CONNECTIONS = 16
LIMIT = 5 << 20
REFUSED = 'refused_total{reason="query-too-long"}'


@pytest.fixture(scope="module")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system of these tests' own."""
    with http_system(stack, tmp_path_factory.mktemp("abuse"), parts=("gateway",)) as running:
        yield running


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [4_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_malformed_requests_do_no_harm(system: HttpSystem, count: int) -> None:
    """Bad JSON, deep JSON, wrong encodings, header injection, huge ids and SQL in every filter: all are refused."""

    async def run(first: int, each: int) -> Counter[int]:
        seen: Counter[int] = Counter()
        await asyncio.gather(*(fuzz(system, first + number, each, seen) for number in range(CONNECTIONS)))
        return seen

    asyncio.run(run(1000, 50))
    before = resident(system)
    seen = asyncio.run(run(1, count // CONNECTIONS))

    assert seen.total() >= count - CONNECTIONS
    assert seen[0] < count / 10, seen
    assert {200, 400, 401, 404} <= set(seen)
    assert resident(system) - before < 64
    assert system.query("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'raw'") == [
        (1,)
    ]
    for child in system.processes.children:
        assert secret("staff") not in child.output


def test_bombs_take_no_memory(system: HttpSystem) -> None:
    """A gzip of a gigabyte of zeros is refused at the limit, over and over."""
    bomb = gzip.compress(gzip.compress(bytes(1 << 30), 9), 9)
    flat = gzip.compress(bytes(64 << 20), 9)
    with system.client() as client:
        client.post(ME, content=flat, headers={"Content-Encoding": "gzip"})
        before = resident(system)
        statuses = Counter(
            client.post(ME, content=content, headers={"Content-Encoding": "gzip"}).status_code
            for content in (flat, bomb) * 20
        )

    assert set(statuses) <= {400, 413}
    assert statuses[413] >= 20
    assert resident(system) - before < 2 * LIMIT / (1 << 20) + 16


@pytest.mark.parametrize("path", [ME, "/batch/", "/e/"])
@pytest.mark.parametrize("who", [None, "ingest"])
def test_bodies_that_cost_much_are_refused(system: HttpSystem, path: str, who: str | None) -> None:
    """Thousands of gzip members, forms of nothing but escapes and brackets without end: with and without a token."""
    costly = [
        gzip.compress(b"") * (LIMIT // 20),
        gzip.compress(gzip.compress(b"") * (LIMIT // 20)),
        b"data=" + b"%7b" * (LIMIT // 3 - 10),
        b"[" + b"{}," * (LIMIT // 3 - 10) + b"{}]",
        gzip.compress(b'{"batch":[' + b'{"event":1},' * 400_000 + b"1]"),
    ]
    with system.client(who) as client:
        for body in costly:
            encoding = {"Content-Encoding": "gzip"} if body.startswith(b"\x1f\x8b") and path == ME else {}
            answer = client.post(path, content=body, headers=encoding)

            assert answer.status_code in ((401,) if who is None and path == ME else (400, 401, 413)), answer.text
            assert client.get("/health/live").status_code == 200


def test_what_nobody_may_ask_leaves_nothing_behind(system: HttpSystem) -> None:
    """Thousands of different queries, paths, tokens, origins and languages, all refused: no memory remembers them."""

    def ask(client: httpx.Client, number: int) -> set[int]:
        text = f"{number:x}" * (4000 // len(f"{number:x}"))
        query = "&".join(f"{number:x}{name:x}" for name in range(1000))
        asked = [
            client.post(f"{ME}?{query}"[:8000], content=b"{}"),
            client.get(f"{LOG}?{query}"[:8000]),
            client.get(f"/{text}"),
            client.post("/e/", json=[], params={"token": text}),
            client.get(LOG, headers={"Authorization": f"Token {text}", "Origin": text, "Accept-Language": text}),
        ]
        return {answer.status_code for answer in asked}

    with system.client(None, None) as client:
        seen = set().union(*(ask(client, number) for number in range(50)))
        before = resident(system)
        for number in range(50, 1050):
            seen |= ask(client, number)

    assert seen <= {400, 401, 404, 414}
    assert resident(system) - before < 16


def test_endless_queries_are_refused(system: HttpSystem) -> None:
    """Before anything takes them apart, whatever they ask for, and counted; and a head without end is none."""
    refused = counted(system, REFUSED)
    with system.client(None, None) as client:
        for path in (ME, "/e/", LOG, "/health/live", "/nowhere"):
            assert client.get(f"{path}?{'a&' * 5000}").status_code == 414
        for path in (ME, "/e"):
            assert client.post(f"{path}?{'a&' * 5000}", json={}).status_code == 414
        assert client.get("/health/live", headers={"X": "x" * 100_000}).status_code in (400, 431)
    eventually(lambda: counted(system, REFUSED) == refused + 2)
    for route in ("other", ME, "/e/"):
        assert counted(system, f'requests_total{{route="{route}",status="414"}}') > 0


def counted(system: HttpSystem, series: str) -> float:
    """A series of the gateway's, as it was told half a second ago at most."""
    with system.client() as client:
        return sample(client.get("/metrics").text, f"telemetry_gateway_{series}")


def connect(system: HttpSystem) -> socket.socket:
    """A connection to the gateway."""
    host, _, port = system.settings.gateway_bind.partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def test_a_header_that_never_ends_is_given_up(system: HttpSystem) -> None:
    """The connection of a slow caller is closed after some seconds."""
    with connect(system) as slow:
        slow.sendall(f"POST {ME} HTTP/1.1\r\nHost: x\r\nX-".encode())

        assert slow.recv(1000)[:12] in (b"", b"HTTP/1.1 408")


def test_slow_callers_do_not_hold_up_others(system: HttpSystem) -> None:
    """Hundreds of half-sent requests leave room for whole ones."""
    head = f"POST {ME}?token={secret('staff')} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode()
    slow = [connect(system) for _ in range(300)]
    try:
        for one in slow:
            one.sendall(head)
        with system.client() as client:
            assert client.post(ME, json={"slug": "s"}).text == "ok"
    finally:
        for one in slow:
            one.close()
    with system.client() as client:
        eventually(lambda: client.post(ME, json={"slug": "s"}).text == "ok")


def test_thousands_of_connections_leave_room(system: HttpSystem) -> None:
    """Of one address 512 stay, the others are counted; whoever says something is served, from the same address too."""
    half = [connect(system) for _ in range(4000)]
    try:
        for one in half:
            with contextlib.suppress(OSError):
                one.sendall(f"POST {ME} HTTP/1.1\r\nHost: x\r\nX-".encode())
        with system.client("ingest") as client:
            for _ in range(20):
                assert client.post(ME, json={"slug": "s"}).text == "ok"
        eventually(lambda: sum(map(is_closed, half)) >= 4000 - 512, 20)
        eventually(lambda: counted(system, 'connections_shut_total{state="idle"}') >= 2000, 20)
    finally:
        for one in half:
            one.close()


def is_closed(connection: socket.socket) -> bool:
    """Whether the other end has closed a connection on which nothing was answered."""
    try:
        return connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("path", ["/batch/", f"{ME}?token={secret('ingest')}", f"{ME}?token={secret('staff')}"])
def test_what_is_only_announced_takes_no_room(system: HttpSystem, path: str) -> None:
    """A hundred bodies of five megabytes that do not come, and then stop in the middle: others are served meanwhile."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LIMIT}\r\n\r\n{{".encode()
    announced = [connect(system) for _ in range(100)]
    try:
        for one in announced:
            one.sendall(head)
        for who in ("staff", "ingest"):
            with system.client(who) as client:
                assert client.post(ME, json={"slug": "s"}).text == "ok"
                assert client.post("/e/", json={"event": "x", "api_key": secret("ingest")}).json() == {"status": 1}
        for one in announced[:20]:
            one.sendall(b" " * (200 << 10))
        with system.client("ingest") as client:
            assert client.post(ME, content=b'{"slug": "%b"}' % (b"s" * (1 << 20))).text == "ok"
        assert announced[0].recv(100)[:12] == b"HTTP/1.1 408"
    finally:
        for one in announced:
            one.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /nowhere HTTP/1.1\r\n\r\n",
        b"POST " + ME.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST " + ME.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST "
        + ME.encode()
        + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"POST " + ME.encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET " + b"/x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
    ],
)
def test_broken_http_is_refused(system: HttpSystem, raw: bytes) -> None:
    """Whatever is no HTTP gets an error or a closed connection, and the next caller is served."""
    with connect(system) as broken:
        with contextlib.suppress(OSError):
            broken.sendall(raw)
            broken.shutdown(socket.SHUT_WR)
        answered = b""
        with contextlib.suppress(ConnectionError):
            answered = broken.recv(4096)

        assert answered[9:10] in (b"", b"4")
    with system.client() as client:
        assert client.get("/health/live").status_code == 200


def test_the_gateway_calls_nobody() -> None:
    """It has no HTTP client but that of ClickHouse, so no caller can make it fetch an address."""
    imported: set[str] = set()
    files = {*(Path(__file__).parents[2] / "gateway").rglob("*.py")}
    listening = {file for file in files if file.name in ("connections.py", "member.py", "server.py")}
    for file in files - listening:
        for node in ast.walk(parsed(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])

    assert not imported & {"httpx", "requests", "urllib3", "aiohttp", "socket", "http"}
    assert not any("connect(" in file.read_text() or "create_connection" in file.read_text() for file in listening)
