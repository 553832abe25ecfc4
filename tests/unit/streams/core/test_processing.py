"""The processing order and its texts (docs/semantics.md, "Order of judgement")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from streams.core.errors import Undecodable
from streams.core.policy import Policy
from tests.support.webhooks import DOCUMENT, batch, without

if TYPE_CHECKING:
    from tests.support.core import Core


def test_a_batch_is_stored(core: Core) -> None:
    """A batch ends as DONE with the text OK and the verdict stored."""
    row = core.send(DOCUMENT)

    assert (row["status"], row["status_text"], row["verdict"]) == ("DONE", "OK", "stored")
    assert (row["event"], row["is_streaming"], row["package_slug"], row["student_id"]) == ("batch", 0, "lists", 7)


@pytest.mark.parametrize("event", [None, "", 0, False, [], {}])
def test_an_empty_event_is_an_error(core: Core, event: Any) -> None:
    """An event that says nothing cannot be determined."""
    assert core.verdict(batch(event=event)) == ("ERROR", "Impossible to determine learnpack event")


def test_an_empty_event_comes_before_a_missing_slug(core: Core) -> None:
    """The event is checked first."""
    assert core.verdict({"event": "", "user_id": 1})[1] == "Impossible to determine learnpack event"


def test_neither_slug_nor_package_slug_is_an_error(core: Core) -> None:
    """A webhook names its exercise, if only by the key."""
    assert core.verdict(without("slug")) == ("ERROR", "Impossible to retrive learnpack exercise slug")
    assert core.verdict({**without("slug"), "package_slug": "lists"})[0] == "DONE"


def test_an_unknown_user_is_an_error_in_a_strict_directory(strict: Core) -> None:
    """The text names a number as it was sent, and any other user id by its pseudonym."""
    assert strict.verdict(batch(user_id=8)) == ("ERROR", "Learnpack student with user id 8 not found")
    hidden = Policy().pseudonyms.of("abc")
    assert strict.verdict(batch(user_id="abc")) == ("ERROR", f"Learnpack student with user id {hidden} not found")
    assert strict.verdict(batch(user_id=" 07 "))[0] == "DONE"


def test_any_user_is_known_in_an_open_directory(core: Core) -> None:
    """A user id that is no number is the actor under its pseudonym."""
    row = core.send(batch(user_id="abc"))

    assert row["status"] == "DONE"
    assert row["student_id"] is None
    assert {fact["actor"] for fact in core.facts} == {Policy().pseudonyms.of("abc")}
    assert {fact["user_id"] for fact in core.facts} == {None}


def test_an_unknown_user_comes_before_an_unknown_event(strict: Core) -> None:
    """The student is looked up before the event."""
    assert strict.verdict(batch(user_id=8, event="nope"))[1] == "Learnpack student with user id 8 not found"


@pytest.mark.parametrize("event", ["nope", "execute", "Batch", "open_step "])
def test_an_unknown_event_is_not_implemented(core: Core, event: str) -> None:
    """Only known events are taken, to the letter."""
    assert core.verdict(batch(event=event)) == ("ERROR", f"Learnpack telemetry event `{event}` is not implemented")


def test_an_event_that_is_no_text_is_not_implemented(core: Core) -> None:
    """The text shows it as Python does."""
    assert core.verdict(batch(event=["batch"]))[1] == "Learnpack telemetry event `['batch']` is not implemented"


def test_a_batch_may_say_that_it_is_one(core: Core) -> None:
    """A batch with the key event is streaming and a batch all the same."""
    row = core.send(batch(event="batch"))

    assert (row["status"], row["event"], row["is_streaming"]) == ("DONE", "batch", 1)


@pytest.mark.parametrize(
    "missing",
    [{}, *({"user_id": nobody} for nobody in (None, " ", "undefined", "null", True, "NaN", "[object Object]"))],
)
def test_a_batch_of_nobody_takes_the_user_of_its_token(strict: Core, missing: dict[str, Any]) -> None:
    """A missing or null user id is the personal token's."""
    row = strict.send({**without("user_id"), **missing}, principal="7")

    assert (row["status"], row["student_id"]) == ("DONE", 7)


def test_a_batch_of_nobody_is_an_error_in_a_strict_directory(strict: Core) -> None:
    """Without user and token the LMS's text is given."""
    assert strict.verdict(without("user_id")) == ("ERROR", "Impossible to retrive learnpack user id")


def test_a_batch_of_nobody_is_kept_by_telemetry_id_in_an_open_directory(core: Core) -> None:
    """The actor is telemetry:<id> until somebody is named."""
    assert core.verdict(without("user_id"))[0] == "DONE"
    assert {fact["actor"] for fact in core.facts} == {"telemetry:t1"}


def test_a_batch_of_nobody_at_all_is_an_error(core: Core) -> None:
    """Without a telemetry_id there is nothing to keep it under."""
    assert core.verdict(without("user_id", "telemetry_id")) == ("ERROR", "Impossible to retrive learnpack user id")


def test_an_unknown_asset_is_an_error_in_a_strict_directory(strict: Core) -> None:
    """Batches and streamed events need an asset there."""
    text = "Asset specified by learnpack telemetry was not found using either the payload 'asset_id' or 'slug'"

    assert strict.verdict(batch(slug="dicts")) == ("ERROR", text)
    assert strict.verdict({"event": "compile", "slug": "01", "user_id": 7, "data": {}}) == ("ERROR", text)


def test_a_student_without_a_task_is_an_error_in_a_strict_directory(strict: Core) -> None:
    """The text lists the slugs of the translation group, sorted."""
    strict.refer("tasks", 70, None)

    assert strict.verdict(DOCUMENT) == (
        "ERROR",
        "Student with id 7 has not tasks with associated slug in any of the asset translations: ['listas', 'lists']",
    )


def test_state_is_kept_under_the_canonical_slug(strict: Core) -> None:
    """Both languages of a tutorial are one record of the student."""
    strict.send(batch(slug="listas", telemetry_id="t2"))

    assert list(strict.telemetry) == [b"7:lists"]
    assert {fact["asset_slug"] for fact in strict.facts} == {"lists"}
    assert {fact["asset_id"] for fact in strict.facts} == {5}


def test_a_token_cannot_report_for_another_user(core: Core) -> None:
    """A spoof is an error before anything else is looked at."""
    refused = core.verdict(batch(user_id=8, event=""), principal="7")

    assert refused == ("ERROR", "Token of user 7 cannot report for user 8")


def test_a_token_of_staff_may_report_for_anyone(core: Core) -> None:
    """crud_telemetry lifts the check, and so does an ingest key, which has no user."""
    assert core.verdict(DOCUMENT, principal="1", capabilities=("crud_telemetry",))[0] == "DONE"
    assert core.verdict(batch(telemetry_id="t2", slug="b"))[0] == "DONE"
    assert core.verdict(batch(telemetry_id="t3", slug="c", user_id="07"), principal="7")[0] == "DONE"


def test_rules_of_the_academy_come_before_the_checks(core: Core) -> None:
    """A webhook that a rule matches is IGNORED, whatever else is wrong with it."""
    core.refer("ignore-rules", 4, {"rules": [{"user_ids": [7], "events": ["nope"]}], "package_slugs": ["lists"]})

    assert core.verdict(batch(event="nope"), academy=4) == (
        "IGNORED",
        "Ignored by academy learnpack_features.telemetry_webhook_ignore rule (user_ids,events).",
    )
    assert core.verdict(DOCUMENT, academy=4) == (
        "IGNORED",
        "Ignored by academy learnpack_features.telemetry_webhook_ignore (package_slugs).",
    )
    assert core.verdict(DOCUMENT)[0] == "DONE"
    assert core.verdict(batch(academy_id="4", telemetry_id="t9"))[0] == "IGNORED"
    assert core.outcomes[0]["verdict"] == "ignored"


def test_a_spoof_comes_before_the_rules(core: Core) -> None:
    """Order: decode, spoof, rules."""
    core.refer("ignore-rules", 4, {"user_ids": [8]})

    assert core.verdict(batch(user_id=8), academy=4, principal="7")[0] == "ERROR"


def test_ignored_webhooks_leave_nothing(core: Core) -> None:
    """A rule keeps facts, states and documents from coming into being."""
    core.refer("ignore-rules", 4, {"user_ids": [7]})
    core.send(DOCUMENT, academy=4)

    assert (core.facts, core.scores, core.table, core.telemetry) == ([], [], {}, {})


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"3", b"\xff", b"{}"])
def test_what_is_no_webhook_cannot_be_decoded(core: Core, value: bytes) -> None:
    """The gateway refuses these; written to the topic directly, they are dead letters."""
    with pytest.raises(Undecodable, match="decode"):
        core.send(value)


def test_a_bad_header_cannot_be_decoded(core: Core) -> None:
    """The dead letter says which header."""
    record = core.record(DOCUMENT)
    record.headers = [("academy", b"x")]

    with pytest.raises(Undecodable, match="academy"):
        core.run([record])


def test_parameters_win_over_the_body_and_never_carry_the_credential(core: Core) -> None:
    """The document is the merged payload."""
    core.send(DOCUMENT, params={"asset_id": "5", "slug": "other", "token": "secret", "academy": "9"})
    document, _ = core.telemetry[b"7:other"]

    assert document is not None
    assert orjson.loads(document) == {**DOCUMENT, "asset_id": "5", "slug": "other"}


def test_a_document_without_parameters_is_kept_byte_for_byte(core: Core) -> None:
    """Spaces and the order of keys are the client's."""
    body = b'{ "slug":"lists",  "user_id" : 7.0, "steps": [] }'
    core.send(body)

    assert core.telemetry[b"7:lists"][0] == body


def test_a_retried_dead_letter_keeps_its_id_and_replaces_its_row(core: Core) -> None:
    """The outcome of the retry is newer than that of the first try."""
    first = core.record(b"{")
    row = core.send(DOCUMENT, retry_of=first.offset)

    assert row["id"] == first.offset
    assert row["version"] > first.offset
