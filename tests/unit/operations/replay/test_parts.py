"""What is recomputed of a part, and that the records it leads to make the live rows say the same."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.replay.comparison import Comparison
from operations.replay_students.changes import Changes, Known, changes_of, lost
from operations.replay_students.derived import Rows
from operations.replay_students.difference import Difference
from operations.replay_students.replacing import replacing
from operations.replay_students.scope import Scope, Students, unit_of, whom
from schemas.reference.lookup import Reference
from schemas.wire.rows import CLAIMS, EVENTS, SCORES, STUDENT_DAY, TELEMETRY, WEBHOOKS
from schemas.wire.topics import Topics
from sinks.writer.decode import dead_letter_row
from streams.core.chunk import ChunkProcessor
from streams.core.dead import dead_outcome
from streams.core.policy import Past, Policy
from streams.core.webhook import read
from streams.outbox import Outbox
from streams.prepare import prepare
from streams.processing import Core
from tests.support.core import MORNING
from tests.support.core import Core as Log
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations.replay_students.derived import Identity, Row
    from schemas.wire.rows import Table
    from streams.core.chunk import Record
    from streams.outbox import Outgoing

TABLES = (EVENTS, WEBHOOKS, TELEMETRY, SCORES, STUDENT_DAY, CLAIMS)
TOPICS = Topics()
LIMIT = 1 << 20
DAY_MS = 86_400_000


class Store:
    """Tables as ClickHouse keeps them: rows in the order of their insertion."""

    def __init__(self) -> None:
        self.rows: defaultdict[str, list[tuple[Identity, int, bool, str]]] = defaultdict(list)

    def insert(self, outgoing: Outgoing) -> None:
        """Store what messages hold, message by message: of one message everything that is there to be told apart."""
        for tp, messages in outgoing.items():
            for message in messages:
                for line in (message.value or b"").split(b"\n") if tp.topic != TOPICS.telemetry else [b""]:
                    one = Rows()
                    packed = message if tp.topic == TOPICS.telemetry else type(message)(None, line, [])
                    one.take(TOPICS, {tp: [packed]})
                    for table in TABLES:
                        for identity, row in one.tables[table.name].items():
                            self.rows[table.name].append((identity, row.version, row.deleted, content(row)))

    def live(self, table: Table) -> dict[Identity, Known]:
        """What readers see: of equal versions the one inserted last."""
        latest: dict[Identity, tuple[int, bool, str]] = {}
        for identity, version, deleted, text in self.rows[table.name]:
            if identity not in latest or version >= latest[identity][0]:
                latest[identity] = (version, deleted, text)
        return {identity: Known(version, text) for identity, (version, deleted, text) in latest.items() if not deleted}

    def highest(self, table: Table) -> dict[Identity, int]:
        """The highest version of each identity."""
        found: dict[Identity, int] = {}
        for identity, version, *_ in self.rows[table.name]:
            found[identity] = max(version, found.get(identity, 0))
        return found


def content(row: Row) -> str:
    """What a row says, without its version."""
    columns = {name: value for name, value in row.columns.items() if name not in {"version", "day"}}
    document = None if row.document is None else row.document.decode()
    return orjson.dumps([columns, document], option=orjson.OPT_SORT_KEYS).decode()


def computed(records: list[Record], ignored: Mapping[int, str], size: int) -> list[Outgoing]:
    """What the worker sends for records of which a rule ignored some, in chunks of a size."""
    table: dict[bytes, bytes] = {}
    past = Past(ignored)
    core = Core(lambda load: ChunkProcessor(load, Reference(), Policy(), past), dead_outcome)
    sent = []
    for start in range(0, len(records), size):
        settled = prepare(core, table.get, Outbox(TOPICS, 0, core, LIMIT, live=False), records[start : start + size])
        assert settled is not None
        processed, outgoing = settled
        sent.append(outgoing)
        assert processed.effects is not None
        for key, value in processed.effects.changes:
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
    return sent


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """Batches and streamed events of a student on two tutorials, over some days."""
    log, at, records = Log(), MORNING, []
    for number in range(draw(st.integers(1, 14))):
        at += draw(st.sampled_from([60_000, DAY_MS]))
        slug, run = draw(st.sampled_from(["a", "b"])), draw(st.sampled_from(["run-1", "run-2"]))
        step, started = draw(st.sampled_from(["x", "y"])), at - draw(st.sampled_from([0, 5_000])) - number
        payload: dict[str, Any] = {"user_id": 7, "telemetry_id": run}
        if draw(st.booleans()):
            steps = [{"slug": "x", "position": 0, "opened_at": MORNING, "completed_at": draw(st.none() | st.just(at))}]
            payload |= {"slug": slug, "last_interaction_at": started, "steps": steps}
        else:
            event = draw(st.sampled_from(["open_step", "compile", "test"]))
            data = {"starting_at": started, "exit_code": draw(st.integers(0, 1))}
            named = draw(st.booleans())
            payload |= {"slug": step, "event": event, "data": data, **({"package_slug": slug} if named else {})}
        records.append(log.record(payload, at=at))
    return records


@settings(max_examples=examples(60), deadline=None)
@given(histories(), st.data())
def test_the_replacing_records_make_the_rows_the_recomputed_ones(records: list[Record], data: st.DataObject) -> None:
    """Whatever was ignored then and is now, readers see what a recomputation says; whatever comes later counts more."""
    versions = st.dictionaries(st.sampled_from([read(one).version for one in records]), st.just("a rule"))
    store, rows = Store(), Rows()
    for outgoing in computed(records, data.draw(versions), data.draw(st.sampled_from([1, 3, 100]))):
        store.insert(outgoing)
    for outgoing in computed(records, data.draw(versions), 100):
        rows.take(TOPICS, outgoing)
    live = {table.name: store.live(table) for table in TABLES}
    highest = {table.name: store.highest(table) for table in TABLES}
    changes = {}
    for table in TABLES:
        new = rows.alive(table)
        contents = {identity: content(row) for identity, row in new.items()}
        top, positions = highest[table.name], {0: len(records)}
        changes[table.name] = changes_of(table, new, contents, live[table.name], highest=top, positions=positions)

    store.insert(replacing(TOPICS, rows, changes, highest, homes={"7": 0}, limit=LIMIT))

    for table in TABLES:
        seen = {identity: known.content for identity, known in store.live(table).items()}
        gone = changes[table.name].gone if table is CLAIMS else {}
        expected = {identity: content(row) for identity, row in rows.alive(table).items()}
        if table is CLAIMS:
            # Claims have no column that takes them back: the caller deletes those.
            assert seen.keys() - gone.keys() == expected.keys()
        else:
            assert seen == expected, table.name
        assert max(store.highest(table).values(), default=0) <= read(records[-1]).version


def test_claims_do_not_depend_on_the_sizes_of_chunks() -> None:
    """Every run whose document was stored is claimed, though only the last document of a chunk is read."""
    log, found = Log(), []
    records = [
        log.record({"user_id": 7, "telemetry_id": f"run-{number % 2}", "slug": "a", "steps": [{"slug": str(number)}]})
        for number in range(3)
    ]

    for size in (1, 100):
        rows = Rows()
        for outgoing in computed(records, {}, size):
            rows.take(TOPICS, outgoing)
        found.append((rows.alive(CLAIMS).keys(), rows.alive(TELEMETRY)))

    assert found[0] == found[1]
    assert found[0][0] == {("run-0", "7"), ("run-1", "7")}


def test_a_record_that_can_be_processed_now_is_no_dead_letter_any_more() -> None:
    """The letter's row is taken back under its own id, and the state's cells go to the changelog of their partition."""
    changes = {table.name: Changes(table) for table in TABLES}
    highest: dict[str, dict[Identity, int]] = {table.name: {} for table in TABLES}
    found = Difference(Comparison(1, 1), changes, {}, highest, [], {(1, 5, "decode"): "77"})
    recomputed: Any = SimpleNamespace(rows=Rows(), homes={}, cells=lambda: {1: [(b"u7", None)]})

    sent = found.outgoing(TOPICS, recomputed, LIMIT)

    assert [message.key for message in sent[TopicPartition(TOPICS.changelog, 1)]] == [b"u7"]
    (message,) = sent[TopicPartition(TOPICS.dead_letters, 1)]
    row = dead_letter_row(
        SimpleNamespace(partition=1, offset=9, timestamp=3, key=None, value=None, headers=message.headers)
    )
    assert (row["id"], row["topic"], row["partition"], row["offset"]) == (77, TOPICS.raw, 1, 5)
    assert (row["stage"], row["line"], row["deleted"]) == ("decode", -1, 1)


def test_rows_that_a_later_webhook_has_touched_say_nothing() -> None:
    """A row whose version lies beyond the positions is moving: neither different nor lost."""
    live: dict[Identity, Known] = {("1",): Known(5, "old"), ("2",): Known(9, "newer")}

    found = changes_of(SCORES, {}, {}, live, highest={("1",): 5, ("2",): 9}, positions={0: 9})

    assert (found.gone, found.moving) == ({("1",): 5}, 1)
    assert lost(live, {4}, {0: 9}) == [("1",)]
    assert lost(live, {5}, {0: 9}) == []


def student(part: Scope, *payloads: dict[str, Any], reference: Reference | None = None, **headers: Any) -> list[bool]:
    """Whether webhooks make their students part of it."""
    students = Students(part, reference or Reference(), Policy())
    return [students.concerns(read(Log().record(payload, **headers))) for payload in payloads]


def test_a_student_is_known_by_the_normal_user_id() -> None:
    """Digits are one user however they are written, and others are others."""
    event = {"slug": "s", "event": "open_step"}
    part = Scope(student=" 007 ")

    assert student(part, {"user_id": 7, **event}, {"user_id": "7", **event}, {"user_id": 70, **event}) == [
        True,
        True,
        False,
    ]
    assert Students(part, Reference(), Policy()).by_name_alone
    assert unit_of("7") == b"7"


def test_a_user_with_names_in_notebooks_has_to_be_looked_for() -> None:
    """The events of a linked name are the student's."""
    reference = Reference()
    user = {"id": 7, "academies": [4], "notebook_names": ["Ana"]}
    reference.apply("users", b"7", orjson.dumps(user))
    payload = {"batch": [{"event": "cell", "distinct_id": "ana", "properties": {}}]}

    assert not Students(Scope(student="7"), reference, Policy()).by_name_alone
    assert student(Scope(student="7"), payload, reference=reference, source="posthog") == [True]
    assert student(Scope(student="8"), payload, reference=reference, source="posthog") == [False]


@pytest.mark.parametrize(
    ("payload", "concerned"),
    [
        ({"slug": "english", "steps": []}, True),
        ({"slug": "spanish", "steps": []}, True),
        ({"slug": "english", "event": "test"}, False),
        ({"slug": "s", "event": "test", "package_slug": "old-name"}, True),
        ({"slug": "s", "event": "test", "package_slug": "another"}, False),
    ],
)
def test_a_tutorial_is_known_by_all_its_names(payload: dict[str, Any], concerned: bool) -> None:  # noqa: FBT001
    """Translations and aliases are the same tutorial; an event's own slug is its step's."""
    reference = Reference()
    translations = {"us": "english", "es": "spanish"}
    for number, slug, lang in ((1, "english", "us"), (2, "spanish", "es")):
        asset = {"id": number, "slug": slug, "lang": lang, "translations": translations, "aliases": ["old-name"]}
        reference.apply("assets", b"%d" % number, orjson.dumps(asset))

    assert student(Scope(asset="spanish"), {"user_id": 7, **payload}, reference=reference) == [concerned]


def test_an_academy_is_the_requests_or_the_students() -> None:
    """Whoever sent for it, or is in it by the directory."""
    reference = Reference()
    reference.apply("users", b"7", orjson.dumps({"id": 7, "academies": [4]}))
    event = {"slug": "s", "event": "open_step"}
    part = Scope(academy=4)

    assert student(part, {"user_id": 7, **event}, {"user_id": 8, **event}, reference=reference) == [True, False]
    assert student(part, {"user_id": 8, **event}, academy=4) == [True]


def test_whom_a_part_concerns_is_told_in_words() -> None:
    """One student is one, however many names there are to look under; runs of nobody are not students."""
    units = [unit_of(actor) for actor in ("7", "8", "telemetry:f1")]

    assert whom(Scope(student="7"), units) == "student 7"
    assert whom(Scope(asset="lists"), units) == "2 students, 1 run of nobody known"
    assert whom(Scope(academy=4), units[:1]) == "1 student"
