"""One call of the notebooks' package, to servers that answer well and badly."""

from __future__ import annotations

import pytest
from learnpack_notebook_telemetry.post import Answer, Gateway, is_address

from deploy.local.resources import free_port
from tests.support.capture import ACCEPTED, Reply, capture_server

EVENT = b'{"event":"start"}'


def test_a_batch_is_posted_compressed_with_the_key() -> None:
    """To `/batch/` below the address, with or without a slash at its end."""
    with capture_server() as server:
        answer = Gateway(f"{server.url}/", "k1").post([EVENT, EVENT])

    assert answer == Answer(accepted=True, again=False)
    assert (server.paths, server.encodings) == (["/batch/"], ["gzip"])
    assert server.bodies[0]["api_key"] == "k1"
    assert server.events == [{"event": "start"}, {"event": "start"}]


@pytest.mark.parametrize("body", [b'{"status": 1}', b'{"status":"Ok","quota_limited":[]}'])
def test_the_gateways_answers_count_as_taken(body: bytes) -> None:
    """That of old and that of today."""
    with capture_server([Reply(body=body)]) as server:
        assert Gateway(server.url, "k").post([EVENT]).accepted


@pytest.mark.parametrize(
    ("reply", "again", "error"),
    [
        (Reply(500), True, "HTTP 500"),
        (Reply(503), True, "HTTP 503"),
        (Reply(429), True, "HTTP 429"),
        (Reply(401), False, "HTTP 401"),
        (Reply(413), False, "HTTP 413"),
        (Reply(302, location="/login"), True, "HTTP 302"),
        (Reply(body=b"<html>Sign in"), True, "something else than the gateway answers there"),
        (Reply(body=b"[]"), True, "something else than the gateway answers there"),
        (Reply(body=b'{"status": 0}'), True, "something else than the gateway answers there"),
    ],
)
def test_other_answers_do_not(reply: Reply, again: bool, error: str) -> None:  # noqa: FBT001 - a column of the table
    """What would be refused again is given up; everything else, a public network's page too, is tried again."""
    with capture_server([reply, ACCEPTED]) as server:
        assert Gateway(server.url, "k").post([EVENT]) == Answer(accepted=False, again=again, error=error)
        assert len(server.paths) == 1


def test_nobody_there_is_tried_again() -> None:
    """A refused connection is an answer too."""
    answer = Gateway(f"http://127.0.0.1:{free_port()}", "k").post([EVENT])

    assert (answer.accepted, answer.again) == (False, True)
    assert "refused" in answer.error


@pytest.mark.parametrize("host", ["http://a b", "http://127.0.0.1:port", "http://127.0.0.1:99999"])
def test_an_impossible_address_raises_nothing(host: str) -> None:
    """It is an answer with an error."""
    answer = Gateway(host, "k").post([EVENT])

    assert not answer.accepted
    assert answer.error


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("http://127.0.0.1:8000", True),
        ("https://telemetry.example", True),
        ("telemetry.example", False),
        ("file:///etc/passwd", False),
        ("http://", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_web_addresses_are_addresses(host: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    """Nothing else is opened."""
    assert is_address(host) == good
