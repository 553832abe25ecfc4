"""Which pages may call."""

from __future__ import annotations

from gateway.origins import Origins


def test_any_origin_may_call_by_default() -> None:
    """No cookies are used, so a page gets only what its token gives it."""
    assert (b"access-control-allow-origin", b"*") in Origins("*").headers(b"https://a.example")
    assert (b"access-control-allow-origin", b"*") in Origins("*").headers(None)


def test_a_list_lets_only_its_own_call() -> None:
    """Others get no header, and caches are told that answers differ."""
    origins = Origins("https://a.example, https://b.example/")

    assert origins.headers(b"https://b.example") == [
        (b"access-control-allow-origin", b"https://b.example"),
        (b"vary", b"Origin"),
    ]
    assert origins.headers(b"https://c.example") == []
    assert origins.headers(None) == []
