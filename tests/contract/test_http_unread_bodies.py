"""Requests that are answered before their bodies have come: whether the connection goes on."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, BinaryIO

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ME = "/v1/assignment/me/telemetry"


@contextlib.contextmanager
def connected(system: HttpSystem) -> Iterator[tuple[socket.socket, BinaryIO]]:
    """A connection to the gateway, and what comes on it."""
    host, _, port = system.settings.gateway_bind.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection, connection.makefile("rb") as stream:
        yield connection, stream


def read_answer(stream: BinaryIO) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by name in lower case, and body of the next answer on a connection."""
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    return status, headers, stream.read(int(headers.get("content-length", 0)))


def test_a_big_body_of_a_stranger_is_not_read(system: HttpSystem) -> None:
    """401 is answered from the headers, however long the body would be."""
    with connected(system) as (connection, stream):
        connection.sendall(f"POST {ME} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{{".encode())
        status, headers, _ = read_answer(stream)

    assert (status, headers.get("connection")) == (401, "close")


def test_a_refusal_before_the_body_leaves_the_connection_usable(system: HttpSystem) -> None:
    """What is small is read to its end, also where it comes after the head; the next request is answered there, too."""
    head = f"POST {ME} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode()
    with connected(system) as (connection, stream):
        for _ in range(5):
            connection.sendall(head)
            connection.sendall(b"{" * 9)
            status, headers, body = read_answer(stream)

            assert (status, "connection" in headers) == (401, False)
            assert b"authentication-required" in body


@pytest.mark.parametrize(
    "more", ["Content-Length: 9", "Content-Length: 9\r\nExpect: 100-continue", "Transfer-Encoding: chunked"]
)
def test_a_connection_whose_body_does_not_come_is_announced_to_close(system: HttpSystem, more: str) -> None:
    """The refusal says `Connection: close`, and so it does."""
    with connected(system) as (connection, stream):
        connection.sendall(f"POST {ME} HTTP/1.1\r\nHost: x\r\n{more}\r\n\r\n".encode())
        status, headers, _ = read_answer(stream)

        assert (status, headers.get("connection")) == (401, "close")
        assert stream.read(1) == b""
