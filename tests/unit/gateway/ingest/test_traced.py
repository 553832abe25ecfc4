"""Requests of which some are traced."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import ClientGoneError
from gateway.ingest.traced import SPAN, Traced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class _Span:
    traceparent: str = CALLER
    trace_id: str = "t"
    notes: dict[str, Any] = field(default_factory=dict)
    ends: int = 0

    def note(self, name: str, value: str | int, /) -> None:
        """Remember."""
        self.notes[name] = value

    def end(self) -> None:
        """Count."""
        self.ends += 1


@dataclass
class _Tracer:
    choice: bool
    span: _Span = field(default_factory=_Span)
    callers: list[str | None] = field(default_factory=list)

    def chosen(self) -> bool:
        """As told."""
        return self.choice

    def begin(self, _name: str, caller: str | None, _attributes: Mapping[str, str | int], /) -> _Span:
        """Remember the caller."""
        self.callers.append(caller)
        return self.span

    def follow(self, _name: str, _kind: str, _parents: Sequence[str], _attributes: Mapping[str, Any], /) -> None:
        """Nobody asks."""

    def close(self) -> None:
        """Nothing to do."""


async def answered(tracer: _Tracer, *, gone: bool = False) -> list[Any]:
    """Which span a request with a caller's trace runs in, then what is sent."""
    seen: list[Any] = []

    async def post(_scope: Any, _receive: Any, send: Any) -> None:
        seen.append(SPAN.get())
        if gone:
            raise ClientGoneError
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        seen.append(message["type"])

    scope = {"path": "/v1", "headers": [(b"traceparent", CALLER.encode())]}
    await Traced(post, tracer)(scope, None, send)
    return seen


async def test_whoever_is_not_chosen_passes_straight_through() -> None:
    """A caller whose own trace is sampled is no exception."""
    tracer = _Tracer(choice=False)

    assert await answered(tracer) == [None, "http.response.start", "http.response.body"]
    assert (tracer.callers, tracer.span.ends) == ([], 0)


async def test_a_chosen_request_is_a_span() -> None:
    """With its status; what the caller says of sampling is struck out."""
    tracer = _Tracer(choice=True)

    assert await answered(tracer) == [tracer.span, "http.response.start", "http.response.body"]
    assert tracer.callers == [f"{CALLER[:-2]}00"]
    assert (tracer.span.notes, tracer.span.ends) == ({"http.response.status_code": 202}, 1)
    assert SPAN.get() is None


async def test_the_span_of_a_request_that_breaks_off_ends() -> None:
    """Without a status."""
    tracer = _Tracer(choice=True)
    with pytest.raises(ClientGoneError):
        await answered(tracer, gone=True)

    assert (tracer.span.notes, tracer.span.ends, SPAN.get()) == ({}, 1, None)
