"""Headers that are the same for all records of a token and scope."""

from __future__ import annotations

from gateway.ingest.record_headers import Standings
from schemas.reference.directory import Token
from schemas.wire.headers import RawHeaders, decode_headers, encode_headers

STAFF = {1: frozenset({"upload_assignment_telemetry", "crud_telemetry"}), 2: frozenset({"read_asset"})}
TOKEN = Token(sha256="a" * 64, value=b"{}", user_id=7, academies=STAFF)


def test_they_are_made_once_for_a_scope() -> None:
    """And say what the token may do in it."""
    standings = Standings()
    first = standings.of(TOKEN, 1, 1, "learnpack")

    assert standings.of(TOKEN, 1, 1, "learnpack") is first
    assert decode_headers(first.encoded) == first.headers
    assert first.headers == RawHeaders(
        academy=1, principal="7", capabilities=("crud_telemetry", "upload_assignment_telemetry"), reports_in=(1,)
    )
    assert standings.of(TOKEN, 2, 2, "learnpack").headers.capabilities == ("read_asset",)
    assert standings.of(TOKEN, None, None, "posthog").headers.source == "posthog"


def test_a_token_that_changes_stands_for_what_it_says_now() -> None:
    """What was taken from it is not in any record from then on."""
    standings = Standings()
    assert standings.of(TOKEN, 1, 1, "learnpack").headers.capabilities

    changed = Token(sha256="a" * 64, value=b"{}", user_id=7)

    assert standings.of(changed, 1, 1, "learnpack").headers.capabilities == ()


def test_scopes_that_somebody_makes_up_are_not_kept_for_ever() -> None:
    """A personal token may name any academy."""
    standings = Standings()
    for academy in range(5_000):
        standings.of(TOKEN, academy, academy, "learnpack")

    assert len(standings._known) <= 1024  # noqa: SLF001 - what it keeps


def test_what_is_encoded_in_two_parts_is_what_is_encoded_in_one() -> None:
    """No header is lost between them."""
    whole = RawHeaders(
        params={"asset_id": "1"},
        academy=1,
        principal="7",
        capabilities=("a",),
        reports_in=(1, 2),
        permitted=False,
        receipt="r",
        idempotency_key="k",
        traceparent="t",
        id=5,
        retry_of=6,
    )

    assert decode_headers(encode_headers(whole)) == whole
