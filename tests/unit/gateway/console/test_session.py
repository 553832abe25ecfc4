"""Sessions of the console: a cookie that only this system signs, and that ends by itself."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.session import IDLE_SECONDS, LONGEST_SECONDS, Seal, Session

NOW: Final = 1_780_000_000
SEAL: Final = Seal(b"k" * 32)
SESSION: Final = Session("ab" * 32, 4, NOW, NOW, "nonce")


def test_a_cookie_is_read_as_it_was_sealed() -> None:
    """With an academy and without one."""
    for session in (SESSION, replace(SESSION, academy=None)):
        assert SEAL.opened(SEAL.seal(session), NOW) == session


def test_another_key_and_another_text_are_refused() -> None:
    """Nobody changes an academy or a token in it, and no other system's cookie is ours."""
    cookie = SEAL.seal(SESSION)
    body, _, mark = cookie.partition(".")
    told = base64.urlsafe_b64decode(body + "==").replace(b",4,", b",5,")
    forged = base64.urlsafe_b64encode(told).rstrip(b"=").decode()

    assert told != base64.urlsafe_b64decode(body + "==")
    assert Seal(b"other").opened(cookie, NOW) is None
    assert SEAL.opened(f"{forged}.{mark}", NOW) is None
    assert SEAL.opened(f"{body}.{SEAL.mark('form', body)}", NOW) is None


@given(st.text(max_size=300))
def test_anything_else_is_no_session(text: str) -> None:
    """Whatever a browser sends, signed or not."""
    assert SEAL.opened(text, NOW) is None
    assert SEAL.opened(f"{text}.{SEAL.mark('session', text)}", NOW) is None


@pytest.mark.parametrize(
    ("used", "now", "lasts"),
    [
        (0, IDLE_SECONDS - 1, True),
        (0, IDLE_SECONDS, False),
        (IDLE_SECONDS - 1, IDLE_SECONDS + 5, True),
        (LONGEST_SECONDS - 1, LONGEST_SECONDS - 1, True),
        (LONGEST_SECONDS - 1, LONGEST_SECONDS, False),
    ],
)
def test_it_ends_when_nobody_uses_it_and_after_a_day(used: int, now: int, *, lasts: bool) -> None:
    """Eight hours of silence, and a day and a night whatever happens."""
    session = SESSION.used_at(NOW + used)

    assert (SEAL.opened(SEAL.seal(session), NOW + now) is not None) == lasts
    assert (session.seconds_left(NOW + now) > 0) == lasts


def test_two_sessions_of_a_token_differ() -> None:
    """What forms and pseudonyms are made with is drawn for each."""
    first, second = Session.begun("ab", 1, NOW), Session.begun("ab", 1, NOW)

    assert first.nonce != second.nonce
    assert first.used_at(NOW + 5).nonce == first.nonce
