"""How records of each topic become rows."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.wire.rows import GENERATION_TABLES, RAW, STUDENT_DAY
from schemas.wire.topics import Topics
from sinks.errors import BadRecordError
from sinks.writer.decode import claim_row, dead_letter_row, raw_row, telemetry_row
from sinks.writer.routes import Route, derived_routes, raw_route
from sinks.writer.rowbinary import row_encoder

TOPICS = Topics("t.", 2)
ROUTES = {route.topic: route for route in (raw_route(TOPICS), *derived_routes(TOPICS))}
DOCUMENT_ROW = (
    b'{"id":9,"user_id":1,"actor":"1","asset_slug":"a","telemetry_id":"t",'
    b'"updated_at":"2026-11-21 08:00:00.123","version":5}'
)


def record(topic: str = "t.facts.g2", **fields: Any) -> Any:
    """A record as aiokafka gives it."""
    given: dict[str, Any] = {
        "topic": topic,
        "partition": 2,
        "offset": 5,
        "timestamp": 1_700_000_000_123,
        "key": None,
        "value": b"",
        "headers": (),
    }
    return SimpleNamespace(**(given | fields))


def route(topic: str) -> Route:
    """The route of a topic."""
    return ROUTES[topic]


def test_every_table_is_filled_by_one_route_or_computed() -> None:
    """Each table has its topic, but for the daily aggregates, which are computed."""
    filled = {target.table.name for found in ROUTES.values() for target in found.targets}

    assert filled == {table.name for table in (RAW, *GENERATION_TABLES)} - {"asset_daily"}


def test_packed_lines_are_passed_on_untouched() -> None:
    """The lines of facts are not parsed; a missing last line feed is added so that they can be joined."""
    piece = route(TOPICS.facts).decode(record(value=b'{"a": 1}\n{"b": 2}'))

    assert (piece.bodies, piece.rows, piece.letter) == ((b'{"a": 1}\n{"b": 2}\n',), 2, None)


def test_scores_fill_the_day_as_well() -> None:
    """The same lines go to scores and, leniently, to student_day."""
    found = route(TOPICS.scores)

    assert [("scores", False), (STUDENT_DAY.name, True)] == [
        (target.table.name, target.lenient) for target in found.targets
    ]


def test_a_webhook_keeps_body_place_and_headers() -> None:
    """A raw row has the body's bytes, the arrival, the scope, and the id that its headers give."""
    headers = [("academy", b"7"), ("principal", b"12"), ("source", b"posthog"), ("params", b'{"asset_id":"1,2"}')]
    row = raw_row(record(value=b"\xff\x00", headers=[*headers, ("receipt", b"r")]))

    assert 2 << 40 | 5 == row["id"] == row["version"]
    assert (row["payload"], row["academy_id"], row["principal"], row["source"]) == (b"\xff\x00", 7, 12, "posthog")
    assert (row["params"], row["receipt"], row["received_at"]) == (b'{"asset_id":"1,2"}', "r", 1_700_000_000_123)


@pytest.mark.parametrize("name", ["id", "retry-of"])
def test_a_copy_or_a_retry_keeps_its_id(name: str) -> None:
    """A record that stands for an earlier one replaces its row, the later place winning."""
    row = raw_row(record(headers=[(name, b"77")]))

    assert (row["id"], row["version"]) == (77, 2 << 40 | 5)


def test_headers_that_nobody_can_read_do_not_cost_the_body() -> None:
    """A raw record with a broken header is stored all the same."""
    row = raw_row(record(value=b"body", headers=[("academy", b"x")]))

    assert (row["payload"], row["academy_id"]) == (b"body", None)


def test_a_document_without_value_is_taken_back() -> None:
    """A tombstone's row is a deletion that its header identifies."""
    row = telemetry_row(record(value=None, headers=[("row", DOCUMENT_ROW)]))

    assert (row["deleted"], row["document"], row["updated_at"]) == (1, b"", 1_795_248_000_123)


@pytest.mark.parametrize(
    "header",
    [b"", b"{", b"[]", b"{}", b'{"updated_at":"yesterday"}', DOCUMENT_ROW.replace(b'"version":5', b'"version":-5')],
)
def test_a_document_that_cannot_be_placed_is_a_dead_letter(header: bytes) -> None:
    """A header that says nothing usable makes a letter with the record as it was; nothing raises."""
    piece = route(TOPICS.telemetry).decode(
        record(TOPICS.telemetry, key=b"1:a", value=b"{}", headers=[("row", header), ("x", b"y")])
    )

    assert (piece.bodies, piece.rows) == ((), 0)
    assert piece.letter is not None
    assert (b"1:a", b"{}", (("row", header), ("x", b"y"))) == (
        piece.letter.key,
        piece.letter.value,
        piece.letter.headers,
    )


@pytest.mark.parametrize(
    ("actor", "telemetry_id", "claims"),
    [("1", "t", True), ("telemetry:t", "t", False), ("1", "", False), ("1", None, False)],
)
def test_only_named_documents_claim_a_run(actor: str, telemetry_id: str | None, claims: bool) -> None:  # noqa: FBT001
    """A run is claimed by a named student's document that has its id."""
    header = DOCUMENT_ROW.replace(b'"actor":"1"', b'"actor":"%s"' % actor.encode())
    header = header.replace(b'"t"', b"null" if telemetry_id is None else b'"%s"' % telemetry_id.encode())

    assert claims == (claim_row(record(value=b"{}", headers=[("row", header)])) is not None)


def test_a_dead_letter_tells_where_it_comes_from() -> None:
    """The headers of the letter are columns, those of the record are kept beside its key and value."""
    headers = [
        ("academy", b"7"),
        ("dead-letter-topic", b"learnpack.webhooks.raw"),
        ("dead-letter-partition", b"3"),
        ("dead-letter-offset", b"99"),
        ("dead-letter-timestamp", b"1700000000000"),
        ("dead-letter-stage", b"decode"),
        ("dead-letter-reason", b"no JSON"),
    ]
    row = dead_letter_row(record(key=b"k", value=b"\xff", headers=headers))

    assert (row["topic"], row["partition"], row["offset"], row["line"]) == ("learnpack.webhooks.raw", 3, 99, -1)
    assert (row["stage"], row["reason"], row["key"], row["value"]) == ("decode", "no JSON", b"k", b"\xff")
    assert (row["headers"], row["size"]) == ({"academy": b"7"}, 1)


def test_a_resolved_dead_letter_keeps_its_id_and_time() -> None:
    """What became of a letter replaces its row under the id and the time that operators know it by."""
    first = dead_letter_row(record(offset=5, timestamp=1_700_000_000_123))
    headers = [("dead-letter-id", b"%d" % first["id"]), ("dead-letter-received-at", b"1700000000123")]
    mark = record(offset=9, timestamp=1_700_000_000_999, headers=[*headers, ("dead-letter-resolution", b"dropped")])
    resolved = dead_letter_row(mark)

    assert (resolved["id"], resolved["received_at"]) == (first["id"], first["received_at"])
    assert (resolved["resolution"], resolved["version"]) == ("dropped", 1_700_000_000_999)


def test_a_dead_letter_can_be_taken_back() -> None:
    """A record that can be processed after all is a dead letter no more."""
    headers = [("dead-letter-id", b"5"), ("dead-letter-offset", b"7"), ("dead-letter-deleted", b"1")]

    assert dead_letter_row(record(headers=headers))["deleted"] == 1
    assert dead_letter_row(record(headers=headers[:2]))["deleted"] == 0


def test_a_letter_that_was_cut_tells_its_whole_size() -> None:
    """Of a value that did not fit the letter has the beginning, and a header without value is none."""
    row = dead_letter_row(record(value=b"begin", headers=[("dead-letter-size", b"99"), ("dead-letter-reason", None)]))

    assert (row["value"], row["size"], row["reason"]) == (b"begin", 99, "")


def test_a_dead_letter_with_a_broken_header_is_one_itself() -> None:
    """A letter that cannot be placed is buried again under its own place, so that it cannot go round in circles."""
    piece = route(TOPICS.dead_letters).decode(
        record(TOPICS.dead_letters, headers=[("dead-letter-offset", b"x"), ("dead-letter-topic", b"raw")])
    )

    assert piece.letter is not None
    assert (TOPICS.dead_letters, 5) == (piece.letter.partition.topic, piece.letter.offset)


def test_rows_are_encoded_as_the_format_says() -> None:
    """Lengths are LEB128, numbers little-endian, nulls a byte of one."""
    encode = row_encoder(RAW, ("id", "payload", "principal", "academy_id"))
    row = {"id": 258, "payload": b"p" * 200, "principal": None, "academy_id": 7}

    assert struct.pack("<Q", 258) + b"\xc8\x01" + b"p" * 200 + b"\x01\x00" + struct.pack("<Q", 7) == encode(row)


@pytest.mark.parametrize("row", [{"id": -1}, {"id": 2**64}, {"id": "x"}, {"id": 1, "payload": 5}])
def test_values_that_a_column_cannot_hold_are_named(row: dict[str, Any]) -> None:
    """What does not fit raises BadRecordError with the column's name."""
    with pytest.raises(BadRecordError, match="cannot hold"):
        row_encoder(RAW, ("id", "payload"))(row)


def test_headers_are_stored_in_their_order_with_their_nulls() -> None:
    """Repeated names, bytes that are no text and values that are absent are all told apart."""
    encode = row_encoder(RAW, ("headers",))

    assert encode({"headers": ()}) == b"\x00"
    assert encode({"headers": [("a", b"\xff"), ("a", None), ("", b"")]}) == (
        b"\x03" + b"\x01a\x00\x01\xff" + b"\x01a\x01" + b"\x00\x00\x00"
    )


def test_a_raw_row_has_what_makes_the_record_again() -> None:
    """Key, headers, whether there was a value, and where the original stands."""
    headers = [("x", b"\xff"), ("id", b"77"), ("retry-of", b"5")]
    row = raw_row(record(key=b"k", value=None, headers=headers))

    assert (row["key"], row["headers"], row["valueless"], row["place"], row["id"]) == (b"k", headers, 1, 77, 5)
    row = raw_row(record(value=b""))
    assert (row["key"], row["headers"], row["valueless"], row["place"]) == (None, (), 0, 2 << 40 | 5)
