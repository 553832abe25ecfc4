"""When the use of a page prolongs a session."""

from __future__ import annotations

from typing import Any, Final, cast

import pytest
from starlette.requests import Request
from starlette.responses import Response

from gateway.console.cookies import keep_session
from gateway.console.session import Seal, Session
from gateway.console.view import View
from gateway.console.visitor import Visitor

HOUR: Final = 3600


@pytest.mark.parametrize(
    ("headers", "prolonged"),
    [
        ({}, True),
        ({"accept": "text/html"}, True),
        ({"x-refresh": "1"}, False),
        ({"accept": "text/event-stream"}, False),
        ({"accept": "text/event-stream", "last-event-id": "7"}, False),
    ],
)
def test_what_a_page_does_by_itself_is_no_use(headers: dict[str, str], *, prolonged: bool) -> None:
    """A page that lies open, asks again and watches again, ends as if it were closed."""
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/console/live",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    session = Session("ab" * 32, 1, 0, 0, "nonce")
    visitor = Visitor(cast("Any", None), Seal(b"k" * 32), session, cast("Any", None), View(), float(HOUR))
    response = Response()

    keep_session(Request(scope), response, visitor)

    assert ("set-cookie" in response.headers) == prolonged
