"""What came of a chunk, addressed to its topics."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition

from schemas.wire.topics import Topics
from streams.dead_letters import DeadLetter
from streams.messages import OversizeError
from streams.outbox import Outbox
from streams.processing import Processed
from tests.chaos.fake_core import CORE, FakeEffects
from tests.unit.streams.records import record

TOPICS = Topics("t.", 2)


def effects() -> FakeEffects:
    """Something for every topic."""
    return FakeEffects(
        facts=[b"f1", b"f2"],
        outcomes=[b"o"],
        scores=[b"s"],
        telemetry=[(b"u:a", b"document", [("row", b"{}")])],
        completions=[(b"u", b"done")],
        directory=[("assets", b"7", b"asset"), ("tasks", b"8", None)],
        changes=[(b"k", b"v"), (b"gone", None)],
    )


def outbox(*, live: bool = True, limit: int = 1 << 20) -> Outbox:
    """The outbox of partition 3."""
    return Outbox(TOPICS, 3, CORE, limit, live)


def test_outputs_stay_on_the_partition_of_their_records() -> None:
    """Derived topics have raw's partitions; reference topics have one."""
    out = outbox().fill(Processed(effects(), []), [record(5), record(9)])

    assert {(tp.topic, tp.partition) for tp in out} == {
        *((name, 3) for name in ("t.facts.g2", "t.outcomes.g2", "t.scores.g2", "t.telemetry.g2", "t.completions")),
        ("t.worker.g2-state-changelog", 3),
        ("t.directory.assets", 0),
        ("t.directory.tasks", 0),
    }
    (facts,) = out[TopicPartition("t.facts.g2", 3)]
    assert facts.value == b"f1\nf2"
    assert facts.headers == [("first-offset", b"5"), ("last-offset", b"9")]
    (document,) = out[TopicPartition("t.telemetry.g2", 3)]
    assert (document.key, document.value, document.headers) == (b"u:a", b"document", [("row", b"{}")])


def test_a_generation_that_is_not_live_writes_only_its_own_topics() -> None:
    """A replay tells the LMS nothing and changes no directory."""
    out = outbox(live=False).fill(Processed(effects(), []), [record(5)])

    assert not {"t.completions", "t.directory.assets", "t.directory.tasks"} & {tp.topic for tp in out}


def test_a_dead_letter_comes_with_an_outcome() -> None:
    """Every webhook has exactly one final status."""
    out = outbox().fill(Processed(None, [DeadLetter(record(5), "decode", "no JSON")]), [record(5)])

    (outcome,) = out[TopicPartition("t.outcomes.g2", 3)]
    (letter,) = out[TopicPartition("t.dead-letters.g2", 3)]
    assert outcome.value is not None
    assert b"no JSON" in outcome.value
    assert letter.value == record(5).value


def test_nothing_makes_no_message() -> None:
    """A chunk that leads to nothing only moves the offset."""
    assert outbox().fill(Processed(FakeEffects(), []), [record(5)]) == {}


def test_what_fits_no_message_is_refused() -> None:
    """The caller finds the record that it came from."""
    large = FakeEffects(changes=[(b"k", b"x" * 10_000)])
    with pytest.raises(OversizeError, match="a state of"):
        outbox(limit=9_000).fill(Processed(large, []), [record(5)])


@pytest.mark.parametrize(
    ("value", "kept"), [(b'{"email":"x","a":1}', b'{"a":1}'), (b'{"email":"x"', b""), (b'{"a": 1}', None), (None, None)]
)
def test_dead_letters_lose_the_keys_that_are_left_out(value: bytes | None, kept: bytes | None) -> None:
    """A letter says how long the whole was, so that it is fetched from where it came from; others are as they were."""
    bad = record(5, value=value, headers=(("params", b'{"slug":"x"}'),))
    redact = frozenset({"email"})
    out = Outbox(TOPICS, 3, CORE, 1 << 20, redact=redact).fill(
        Processed(None, [DeadLetter(bad, "decode", "no")]), [bad]
    )
    (letter,) = out[TopicPartition("t.dead-letters.g2", 3)]

    whole = kept is None
    assert letter.value == (value if whole else kept)
    assert dict(letter.headers).get("dead-letter-size") == (None if whole else b"%d" % len(value or b""))
