"""How far an import is, by the receipts of a log's records."""

from __future__ import annotations

from operations.history.finding import Receipts, is_imported
from operations.raw_log.imported import ImportNote
from schemas.wire.headers import HERE, RawHeaders, encode_headers


def receipts(*of: tuple[int, RawHeaders]) -> ImportNote | None:
    """What is found in records of these partitions, a second each."""
    found = Receipts()
    for second, (partition, headers) in enumerate(of):
        found.add(partition, second * 1000, encode_headers(headers))
    return found.note()


def row(receipt: str, partition: int = 0, **more: int) -> tuple[int, RawHeaders]:
    """A record with this receipt."""
    return partition, RawHeaders(
        receipt=receipt, id=more.get("id"), place=more.get("place"), retry_of=more.get("retry_of")
    )


def test_the_last_rows_are_found_in_any_order() -> None:
    """Of documents the last is that of the latest time; one with scores is one row; a record sent again is none."""
    assert receipts(
        row("lms-webhook-12", 1),
        row("lms-telemetry-9-300"),
        row("lms-telemetry-9-300"),
        row("lms-telemetry-10-200"),
        row("lms-webhook-7"),
        row("lms-webhook-99", retry_of=3),
        row("5a0f"),
    ) == ImportNote(webhook=12, telemetry=9, telemetry_at=300, webhooks=2, documents=2, found=True)


def test_a_log_behind_history_keeps_what_is_left_to_it() -> None:
    """Rows from its first webhook on were never to be imported."""
    note = receipts(row("lms-webhook-1"), row("a", id=5, place=HERE), row("b", id=6, place=HERE))
    assert note is not None
    assert note.until == 1_000_000


def test_without_an_import_nothing_is_found() -> None:
    """A gateway's receipts are other ones, and a header that cannot be read is no reason to end."""
    assert receipts(row("5a0f"), row("lms-webhook-"), row("lms-webhook-x")) is None
    assert not is_imported([("receipt", b"\xff"), ("academy", b"x")])
    assert is_imported([("academy", b"x"), ("receipt", b"lms-webhook-3")])
