"""Signatures, held against the library of the specification."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from sinks.forward.signing import signed_headers
from tests.support.blocks import run_by

if TYPE_CHECKING:
    from tests.support.blocks import Block

KEYS: Final = (b"a" * 32, b"b" * 24)
BODY: Final = '{"type":"student.stuck","data":{"step_slug":"01-añil"}}'.encode()


def webhook(key: bytes) -> Webhook:
    """The receiver of a key."""
    return Webhook("whsec_" + base64.b64encode(key).decode())


@pytest.mark.parametrize("keys", [KEYS[:1], KEYS, KEYS[::-1]])
def test_the_specifications_library_takes_them(keys: tuple[bytes, ...]) -> None:
    """With one key and while another takes its place, in either order."""
    headers = signed_headers("stuck_1", BODY, keys, int(time.time()))

    for key in keys:
        assert webhook(key).verify(BODY, headers)["type"] == "student.stuck"


@pytest.mark.parametrize("change", ["webhook-id", "webhook-timestamp", "body", "key"])
def test_whatever_is_changed_is_noticed(change: str) -> None:
    """Id, time, body and key are all part of it."""
    headers = signed_headers("stuck_1", BODY, KEYS[:1], int(time.time()))
    body, key = BODY, KEYS[0]
    if change == "body":
        body = BODY.replace(b"01", b"02")
    elif change == "key":
        key = KEYS[1]
    else:
        headers[change] += "1" if change == "webhook-id" else ""
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + (change == "webhook-timestamp"))

    with pytest.raises(WebhookVerificationError):
        webhook(key).verify(body, headers)


PAGES_RECEIVER = run_by("tests/unit/sinks/forward/test_signing.py::test_the_pages_receiver_verifies")


@pytest.mark.parametrize("block", PAGES_RECEIVER, ids=str)
def test_the_pages_receiver_verifies(block: Block) -> None:
    """What the page says is enough without a library is: it takes ours, and neither others' nor old ones."""
    page: dict[str, Any] = {}
    exec(block.text, page)  # noqa: S102 - that is what a reader does
    verified, now = page["verified"], int(time.time())
    secret = "whsec_" + base64.b64encode(KEYS[0]).decode()

    assert verified(secret, signed_headers("stuck_1", BODY, KEYS[::-1], now), BODY)
    assert not verified(secret, signed_headers("stuck_1", BODY, KEYS[1:], now), BODY)
    assert not verified(secret, signed_headers("stuck_1", BODY, KEYS, now), BODY + b" ")
    assert not verified(secret, signed_headers("stuck_1", BODY, KEYS, now - 3600), BODY)
