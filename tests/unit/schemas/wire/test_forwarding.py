"""Messages that are told to others, and what forwarders know of each other."""

from __future__ import annotations

from typing import Any, Final

import orjson
import pytest

from schemas.wire.forwarding import (
    FORWARD_TO,
    MOST_BYTES,
    Episode,
    Message,
    MessageError,
    Pause,
    completion_message,
    forwarder_of,
    is_forwarder,
    is_meant_for,
    stage_of,
    stuck_message,
)
from streams.core.completions import completion

EPISODE: Final = Episode(
    user_id=7,
    actor="7",
    asset_slug="loops",
    step_slug="01-for",
    step_position=1,
    failures=3,
    questions=0,
    stuck_since=1_772_438_400_000,
    last_failure=1_772_438_460_000,
    last_error={"event": "compile", "kind": "TypeError", "exit_code": 1},
    told_at=1_772_438_470_000,
)
EPISODE_OF: Final = EPISODE.encode().replace(b'"TypeError"', b"%s")


def record(**changed: Any) -> bytes:
    """A completion as the core tells it, with other fields."""
    told = completion("7", "loops", asset_id=5, webhook_id=9, at=1_772_438_400_000, tasks=[12, 11])
    return orjson.dumps(orjson.loads(told.value) | changed)


def message_of(value: bytes) -> Message:
    """The message of a completion that is to be told."""
    message = completion_message(value)
    assert message is not None
    return message


def test_nobody_is_told_of_an_anonymous_run() -> None:
    """Whoever claims it has a completion of their own; a pseudonym stands for one student and is told."""
    assert completion_message(record(actor="telemetry:run-1", user_id=None)) is None
    assert message_of(record(actor="pseudonym:8c", user_id=None)).student == "pseudonym:8c"


def test_a_completion_is_told_as_the_core_tells_it() -> None:
    """With its kind, and when it was, around it."""
    message = message_of(record())

    body = orjson.loads(message.body)
    assert body["data"] == orjson.loads(record())
    assert (body["type"], body["timestamp"]) == ("tutorial.completed", "2026-03-02T08:00:00.000Z")
    assert message.student == "7"


def test_the_id_is_that_of_what_is_told() -> None:
    """The same when it is told again, by another generation or a copied log; another with another task."""
    first = message_of(record()).id

    assert first == message_of(record(webhook_id=10, completed_at=1, tasks=[11, 12])).id
    others = [record(tasks=[11, 12, 13]), record(actor="8"), record(asset_slug="sets")]
    assert len({first, *(message_of(other).id for other in others)}) == 4
    # It is part of what is signed, before a full stop.
    assert "." not in first


def test_a_student_who_is_stuck_is_told_in_words_of_others() -> None:
    """Times as others read them; its id is the same for the same beginning."""
    message = stuck_message(EPISODE.encode())

    body = orjson.loads(message.body)
    assert (body["type"], body["timestamp"]) == ("student.stuck", "2026-03-02T08:01:10.000Z")
    assert body["data"]["stuck_since"] == "2026-03-02T08:00:00.000Z"
    assert "told_at" not in body["data"]
    assert Episode.decode(EPISODE.encode()) == EPISODE


@pytest.mark.parametrize(
    "value",
    [None, b"", b"soup", b"[]", b"{}", record(tasks=None), record(completed_at=1 << 62), b'"%s"' % (b"x" * MOST_BYTES)],
)
def test_what_is_no_message_has_a_reason(value: bytes | None) -> None:
    """For its dead letter."""
    with pytest.raises(MessageError):
        completion_message(value)
    with pytest.raises(MessageError):
        stuck_message(value)


@pytest.mark.parametrize("depth", [260, 1_000])
def test_what_is_nested_too_deep_has_a_reason(depth: int) -> None:
    """It can be read, and not be written: without a reason it would end every forwarder that comes to it."""
    deep = b"[" * depth + b"]" * depth
    for value in (b'{"actor":"7","asset_slug":"l","tasks":[],"completed_at":1,"more":%s}', EPISODE_OF):
        with pytest.raises(MessageError):
            (stuck_message if value is EPISODE_OF else completion_message)(value % deep)
    with pytest.raises(MessageError):
        completion_message(b'{"actor":"7","asset_slug":"l","tasks":[%s],"completed_at":1}' % deep)


def test_a_pause_is_read_back() -> None:
    """No value, that is a tombstone, is none."""
    pause = Pause(reason="HTTP 410", at=5)

    assert Pause.decode(pause.encode()) == pause
    assert Pause.decode(None) is None
    with pytest.raises(MessageError):
        Pause.decode(b"{}")


def test_a_letter_that_is_sent_again_is_for_who_gave_it_up() -> None:
    """And for nobody else."""
    assert forwarder_of(stage_of("chat")) == "chat"
    assert forwarder_of("sink") is None
    assert is_meant_for("chat", [(FORWARD_TO, b"chat")])
    assert not is_meant_for("lms", [(FORWARD_TO, b"chat")])
    assert is_meant_for("lms", [("other", b"chat")])


@pytest.mark.parametrize(("name", "well"), [("lms", True), ("chat-2", True), ("", False), ("A", False), ("a.b", False)])
def test_names_are_parts_of_names_of_groups(name: str, well: bool) -> None:  # noqa: FBT001 - expected
    """So they are short and plain."""
    assert is_forwarder(name) is well
