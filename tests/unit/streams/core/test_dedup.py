"""Redelivered webhooks (docs/semantics.md, "Redelivery")."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.core import dedup
from streams.core.policy import Policy
from tests.support.core import MORNING, Core

MINUTE = 60_000


def event(start: int | None = MORNING, name: str = "compile", **changes: Any) -> dict[str, Any]:
    """A streamed event whose data has a time of its own unless `start` is None."""
    data = {} if start is None else {"starting_at": start, "exit_code": 0}
    return {"slug": "01", "telemetry_id": "t1", "user_id": 7, "event": name, "data": data, **changes}


def test_the_same_body_is_ignored_within_ten_minutes() -> None:
    """The text names the webhook that it repeats; later it is a webhook of its own."""
    core = Core()
    first = core.send(event(), at=MORNING)

    assert core.verdict(event(), at=MORNING + 10 * MINUTE) == (
        "IGNORED",
        f"Ignored because it repeats webhook {first['id']}.",
    )
    assert core.outcomes[-1]["verdict"] == "duplicate"
    assert core.verdict(event(), at=MORNING + 10 * MINUTE + 1)[0] == "DONE"


def test_a_repeat_does_not_renew_the_window() -> None:
    """Only webhooks that became DONE are remembered."""
    core = Core()
    core.send(event(), at=MORNING)
    core.send(event(), at=MORNING + 9 * MINUTE)

    assert core.verdict(event(), at=MORNING + 11 * MINUTE)[0] == "DONE"


def test_other_parameters_are_another_webhook() -> None:
    """Body and parameters count together."""
    core = Core()
    core.send(event(), params={"asset_id": "1"})

    assert core.verdict(event(), params={"asset_id": "2"})[0] == "DONE"
    assert core.verdict(event(), params={"asset_id": "1"})[0] == "IGNORED"


def test_another_student_may_send_the_same() -> None:
    """Memory is per student."""
    core = Core()
    body = {"slug": "01", "event": "open_step", "data": {}}
    core.send(body, principal="7", at=MORNING)

    assert core.verdict(body, principal="8", at=MORNING)[0] == "DONE"


def test_an_event_without_a_time_is_a_repeat_for_two_seconds_only() -> None:
    """Opening a step again is no redelivery."""
    core = Core()
    core.send(event(None, "open_step"), at=MORNING)

    assert core.verdict(event(None, "open_step"), at=MORNING + 2000)[0] == "IGNORED"
    assert core.verdict(event(None, "open_step"), at=MORNING + 2001)[0] == "DONE"


def test_a_receipt_is_a_repeat_whatever_the_body() -> None:
    """A webhook that waited in a spool counts once, however long it waited."""
    core = Core()
    first = core.send(event(), receipt="r1", at=MORNING)

    assert core.verdict(event(MORNING + 5), receipt="r1", at=MORNING + 3600_000) == (
        "IGNORED",
        f"Ignored because it repeats webhook {first['id']}.",
    )
    assert core.verdict(event(MORNING + 6), receipt="r2")[0] == "DONE"


def test_an_idempotency_key_is_a_repeat_and_is_no_receipt() -> None:
    """Keys of the two kinds do not meet."""
    core = Core()
    core.send(event(), idempotency_key="k", at=MORNING)

    assert core.verdict(event(MORNING + 5), idempotency_key="k")[0] == "IGNORED"
    assert core.verdict(event(MORNING + 6), receipt="k")[0] == "DONE"


def test_a_resend_after_an_error_is_a_new_try() -> None:
    """Errors are not remembered."""
    core = Core(policy=Policy(strict=True))
    body = {"event": "package_manifest_updated", "slug": "lists", "payload": {"manifest": {}}}
    assert core.verdict(body, receipt="r", at=MORNING)[0] == "ERROR"

    core.refer("assets", 5, {"id": 5, "slug": "lists"})
    assert core.verdict(body, receipt="r", at=MORNING + 1)[0] == "DONE"


def test_redelivery_is_judged_after_the_rules_and_before_the_checks() -> None:
    """A rule that came later ignores the repeat by its own text."""
    core = Core()
    core.send(event(), academy=4, at=MORNING)
    core.refer("ignore-rules", 4, {"user_ids": [7]})

    assert "telemetry_webhook_ignore" in core.verdict(event(), academy=4, at=MORNING + 1)[1]


def test_staff_commands_are_exempt() -> None:
    """The same command twice is done twice."""
    core = Core()
    command = {
        "command": "telemetry.upsert",
        "user_id": "7",
        "asset_slug": "lists",
        "fields": {"engagement_score": 1.0},
    }
    statuses = [core.send(command, source="staff", at=MORNING)["result"]["status"] for _ in range(2)]

    assert statuses == ["created", "updated"]


def test_arrival_never_goes_back() -> None:
    """A step back of the gateway's clock keeps the student's last instant, so the window stays open."""
    core = Core()
    core.send(event(), at=MORNING)
    core.send(event(MORNING + 5), at=MORNING + 9 * MINUTE)
    outcome = core.send(event(), at=MORNING - 3600_000)

    assert outcome["status"] == "IGNORED"
    assert outcome["created_at"] == "2026-03-02 07:00:00.000"
    assert outcome["updated_at"] == "2026-03-02 08:09:00.000"


def test_memory_is_bounded() -> None:
    """Of thousands of webhooks within the window a student's record keeps the last few hundred."""
    core = Core()
    core.run([core.record(event(MORNING + place), receipt=str(place), at=MORNING) for place in range(3000)])

    assert len(core.table[b"u7"]) < 24 * dedup.BODIES + 16 * dedup.RECEIPTS + 64
    assert core.verdict(event(MORNING + 2999), at=MORNING)[0] == "IGNORED"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 400_000)), max_size=60), st.integers(0, 900_000))
def test_the_ring_is_a_window_over_a_list(entries: list[tuple[int, int]], window: int) -> None:
    """Looking a body up finds the last entry with its digest, if that is young enough."""
    ring, now = b"", 0
    kept: list[tuple[bytes, int, int]] = []
    for webhook_id, (body, pause) in enumerate(entries):
        now += pause
        digest = dedup.body_digest(b"%d" % body, b"")
        same = [entry for entry in kept if entry[0] == digest]
        expected = same[-1][1] if same and now - same[-1][2] <= window else None
        assert dedup.find_body(ring, digest, now, window) == expected
        ring = dedup.remember_body(ring, digest, webhook_id, now, window)
        kept.append((digest, webhook_id, now))


@given(st.binary(max_size=400), st.binary(min_size=8, max_size=8))
def test_a_digest_is_found_only_where_an_entry_begins(noise: bytes, digest: bytes) -> None:
    """Bytes that look like the digest across two entries are not taken for one."""
    ring = noise[: len(noise) // 16 * 16]
    found = dedup.find_receipt(ring, digest)
    begins = {ring[at : at + 8] for at in range(0, len(ring), 16)}

    assert (found is not None) == (digest in begins)
