"""Addresses of the pages around, which stand in a header as well."""

from __future__ import annotations

from starlette.requests import Request

from gateway.api.pages import around, page_address


def test_a_path_of_any_letters_is_quoted() -> None:
    """As it came, whatever a slug has in it: a header has no letters but English ones."""
    scope = {
        "type": "http",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "path": "/v1/assets/日本 a?b#c%/daily",
        "query_string": b"limit=1&asset=%C3%A9&token=secret",
        "headers": [(b"host", b"telemetry.example")],
    }

    address = page_address(Request(scope), limit=1, offset=2)

    path = "/v1/assets/%E6%97%A5%E6%9C%AC%20a%3Fb%23c%25/daily"
    assert address == f"http://telemetry.example{path}?asset=%C3%A9&limit=1&offset=2"
    assert around(address, None) == {"Link": f'<{address}>; rel="next"'}
