"""The operator's commands against real servers: dead letters, and a webhook's trace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from operations.dead_letters import find_letters, retry
from schemas.times import sql_time
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce, read_all
from tests.support.commands import command
from tests.support.operators import ARRIVAL, document, send
from tests.support.sink import SinkBench
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from operations.dead_letters import Resolved
    from schemas.settings import Settings
    from tests.support.processes import Child, Processes

pytestmark = pytest.mark.system


def waiting(least: int = 0) -> list[dict[str, Any]]:
    """The dead letters that wait, as `list` tells scripts; none if they are fewer than `least`."""
    found: list[dict[str, Any]] = orjson.loads(command("dead-letters", "list", "--json").out)
    return found if len(found) >= least else []


def trace(webhook: int) -> dict[str, Any]:
    """What `trace` tells scripts."""
    found: dict[str, Any] = orjson.loads(command("trace", webhook, "--json").out)
    return found


def test_a_dead_letter_is_sent_again_after_the_mend(
    installed: Settings, start_part: Callable[..., Child], clickhouse: Client
) -> None:
    """A document that was too big for the worker is whole again, stored once under its first id, and marked."""
    start_part("sink")
    narrow = start_part("worker", MAX_BODY_BYTES="100000")
    send(installed, [document(7), document(8, size=300_000)])

    (letter,) = eventually(waiting, 60, "the dead letter")

    assert (letter["topic"], letter["offset"], letter["stage"]) == (Topics.of(installed).raw, 1, "size")
    assert command("dead-letters", "list").out.count(f"{letter['topic']}[0]@1") == 1
    shown = command("dead-letters", "show", letter["id"]).out
    assert "exceeds the limit" in shown
    assert eventually(lambda: trace(1)["outcome"], 30, "the outcome")["verdict"] == "dead"
    assert trace(1)["dead_letters"][0]["id"] == letter["id"]

    narrow.terminate()
    start_part("worker")
    assert command("dead-letters", "retry", letter["id"]).out.startswith("1 sent again")

    outcome = eventually(lambda: (found := trace(1)["outcome"])["verdict"] == "stored" and found, 60, "the retry")
    assert (outcome["status"], outcome["student_id"]) == ("DONE", 8)
    assert outcome["created_at"] == sql_time(ARRIVAL)
    assert eventually(lambda: not waiting(), 30, "the mark")
    (resolved,) = orjson.loads(command("dead-letters", "list", "--all", "--json").out)
    assert (resolved["resolution"], resolved["offset"]) == ("retried", 1)
    assert (resolved["id"], resolved["received_at"]) == (letter["id"], letter["received_at"])
    query = f"SELECT id, length(payload) > 300000 FROM {installed.database}.webhook_log ORDER BY id"
    eventually(lambda: clickhouse.query(query).result_rows == [(0, 0), (1, 1)], 30, "both rows of the log")
    again = command("dead-letters", "retry", resolved["id"])
    assert (again.code, again.complaint) == (
        1,
        f"error: no dead letter {resolved['id']} waits; `dead-letters list` shows those that do.",
    )


def test_a_dead_letter_is_resolved_once_though_the_table_lags(
    installed: Settings, start_part: Callable[..., Child]
) -> None:
    """What the topic has decides: before the sink has stored it nothing is sent twice, nor given up after that."""
    topics = Topics.of(installed)
    sink, worker = start_part("sink"), start_part("worker")
    send(installed, [b"{no", b"{nor"], partition=1)
    first, second = sorted(eventually(lambda: waiting(least=2), 60, "the dead letters"), key=lambda one: one["offset"])
    for part in (worker, sink):
        part.terminate()

    assert command("dead-letters", "retry", first["id"]).out.startswith("1 sent again")
    assert [one["id"] for one in waiting()] == [second["id"], first["id"]]
    again = command("dead-letters", "retry", first["id"])
    dropped = command("dead-letters", "drop", "--all")

    assert again.complaint == "error: it does not wait any more: it was sent again before."
    assert dropped.out.startswith("1 dropped.\n")
    assert dropped.complaint == "error: it does not wait any more: it was sent again before."
    assert len(asyncio.run(read_all(installed.kafka, topics.raw, 2))[1]) == 3


def test_of_two_who_send_the_same_again_each_letter_is_sent_by_one(
    installed: Settings, start_part: Callable[..., Child]
) -> None:
    """The later one fences the earlier one, who leaves the rest; together they send every letter once."""
    parts = [start_part("sink"), start_part("worker")]
    send(installed, [b"{no"] * 8, partition=1)
    eventually(lambda: waiting(least=8), 60, "the dead letters")
    for part in parts:
        part.terminate()
    letters = find_letters(installed)

    async def both() -> tuple[Resolved, Resolved]:
        return await asyncio.gather(retry(installed, letters), retry(installed, letters))

    one, other = asyncio.run(both())
    rest = asyncio.run(retry(installed, letters))

    assert one.count + other.count + rest.count == 8
    assert len(one.left) + len(other.left) + len(rest.left) == 16
    assert len(asyncio.run(read_all(installed.kafka, Topics.of(installed).raw, 2))[1]) == 16


def test_a_dead_letter_is_given_up(installed: Settings, start_part: Callable[..., Child]) -> None:
    """What ClickHouse refused can be looked at byte for byte and dropped; what must not be repeated is not."""
    topics = Topics.of(installed)
    start_part("sink")
    send(installed, [b'{"item_id": "none"}\n'], topics.facts)
    send(installed, [b"{}"], topics.telemetry, partition=1)

    letters = eventually(lambda: waiting(least=2), 60, "both dead letters")
    refused, misplaced = sorted(letters, key=lambda letter: letter["topic"])

    assert (refused["topic"], refused["line"], refused["stage"]) == (topics.facts, 0, "sink")
    assert command("dead-letters", "show", refused["id"], "--value").out == '{"item_id": "none"}'
    kept = command("dead-letters", "retry", misplaced["id"])
    assert kept.code == 1
    assert f"{topics.telemetry}[1]@0 cannot be sent again" in kept.complaint
    assert command("dead-letters", "drop", refused["id"]).out == "1 dropped.\n"
    assert eventually(lambda: [one["id"] for one in waiting()] == [misplaced["id"]], 30, "the mark")
    assert command("dead-letters", "drop", "--all").out == "1 dropped.\n"
    assert eventually(lambda: not waiting(), 30, "the other mark")
    for done in ("list", "retry --all", "drop --all"):
        assert command("dead-letters", *done.split()).out == "No dead letter waits.\n"
    assert command("dead-letters", "retry", "--all", "--topic", "a.b").out == "No dead letter from a.b waits.\n"
    assert len(asyncio.run(read_all(installed.kafka, topics.facts, 1))[0]) == 1


def test_a_retry_of_all_does_what_can_be_done(
    installed: Settings, start_part: Callable[..., Child], clickhouse: Client, processes: Processes, tmp_path: Path
) -> None:
    """What cannot be sent again is listed and the rest is sent; a webhook whose headers fail keeps its id each time."""
    topics = Topics.of(installed)
    raw = topics.raw
    start_part("sink")
    start_part("worker")
    bad = [("academy", b"four"), ("source", b"learnpack")]
    asyncio.run(produce(installed.kafka, raw, [(1, b"7", document(7), bad)]))
    send(installed, [b"{}", b"{}"], topics.telemetry)

    letters = eventually(lambda: waiting(least=3), 60, "the dead letters")
    (first,) = (letter for letter in letters if letter["topic"] == raw)
    assert first["stage"] == "headers"
    for times in (1, 2):
        done = command("dead-letters", "retry", "--all")
        assert done.code == 1
        assert done.out.startswith("1 sent again; what fails again is a new dead letter.\n")
        for place in (f"{topics.telemetry}[0]@0", f"{topics.telemetry}[0]@1"):
            assert f"left as it is: {place} cannot be sent again" in done.out
        assert done.complaint == "error: 2 of 3 dead letters are left as they are, see above."
        again = eventually(
            lambda: [one for one in waiting() if one["topic"] == raw and one["offset"] > 2 * times - 2],  # noqa: B023
            60,
            "the next dead letter",
        )
        assert [one["stage"] for one in again] == ["headers"]

    records = asyncio.run(read_all(installed.kafka, raw, 2))[1]
    identity = 1 << 40
    assert [dict(record.headers).get("retry-of") for record in records] == [None, b"%d" % identity, b"%d" % identity]
    # A letter may be stored before the outcome that comes with it.
    asyncio.run(SinkBench(installed, processes, tmp_path).all_read(90))
    query = f"SELECT DISTINCT id FROM {installed.database}.webhooks"
    assert clickhouse.query(query).result_rows == [(identity,)]
    assert clickhouse.query(f"SELECT DISTINCT id FROM {installed.database}.raw").result_rows == [(identity,)]


@pytest.mark.parametrize("arguments", [(), ("1", "--all"), ("1", "--topic", "x")])
def test_which_dead_letters_must_be_said(installed: Settings, arguments: tuple[str, ...]) -> None:
    """Neither ids nor --all, or both, is wrong usage."""
    assert installed.partitions == 2
    assert command("dead-letters", "drop", *arguments).code == 2


def test_trace_follows_a_webhook(installed: Settings, start_part: Callable[..., Child]) -> None:
    """It tells receipt, place, verdict with the rule, facts, and which webhook the rows are from."""
    assert command("rules", "put", 4, stdin=b'{"user_ids": [9]}').code == 0
    send(installed, [document(7), document(9), document(7, size=5)], partition=1)
    first, ignored, last = ((1 << 40) + offset for offset in range(3))
    start_part("sink")
    start_part("worker")

    def whole() -> dict[str, Any]:
        """What is known of the last webhook, once every table has what it tells; until then nothing."""
        found = trace(last)
        left = [*found["scores"], *found["documents"]]
        # Until then there may be what the first one left.
        its = [row["by_it"] for row in left] == [1, 1]
        return found if found["raw"] and found["outcome"] and its else {}

    stored = eventually(whole, 60, "the last webhook's rows")
    fact = "facts       1 compile of step 00 in lists\n"
    eventually(lambda: fact in command("trace", first).out, 30, "the first webhook's fact")

    assert (stored["partition"], stored["offset"]) == (1, 2)
    assert stored["record"]["headers"]["receipt"] == "r2"
    assert (stored["outcome"]["verdict"], stored["facts"], stored["waits_for"]) == ("stored", [], "")
    assert (len(stored["scores"]), len(stored["documents"])) == (1, 1)
    lines = command("trace", first).out
    assert "place       partition 1, offset 0\n" in lines
    assert "verdict     DONE, stored: OK\n" in lines
    assert f"state of webhook version {last}, which came later" in lines
    assert command("trace", "r0").out == lines
    unknown = command("trace", "r77")
    assert unknown.code == 1
    assert unknown.complaint.startswith("error: no webhook with the receipt r77 is stored.")
    listed = orjson.loads(command("trace", "--student", "07", "--json").out)
    assert [(row["id"], row["event"], row["status"], row["package_slug"]) for row in listed] == [
        (last, "batch", "DONE", "lists"),
        (ignored, "batch", "IGNORED", "lists"),
        (first, "batch", "DONE", "lists"),
    ]
    assert str(ignored) in command("trace", "--student", 9).out
    nobody = command("trace", "--student", "someone")
    assert nobody.complaint.startswith("error: no webhook of student someone is stored")
    assert (command("trace").code, command("trace", 1, "--student", 7).code) == (2, 2)
    # A webhook that no gateway wrote has no receipt, and nobody asks for that one.
    assert [command("trace", *none).code for none in (("",), (" ",), ("--student", ""))] == [2, 2, 2]
    assert (
        "verdict     IGNORED, ignored: Ignored by academy learnpack_features.telemetry_webhook_ignore (user_ids).\n"
        in (command("trace", ignored).out)
    )


def test_trace_says_what_a_webhook_waits_for(installed: Settings, start_part: Callable[..., Child]) -> None:
    """A webhook that nobody has processed is in the log all the same; one that never was is an error."""
    send(installed, [document(7), document(8)])

    before = command("trace", 1)
    assert before.code == 0
    assert before.out.endswith("waits for   the worker: 1 record of partition 0 before it\n")

    start_part("worker")
    wait = "waits for   the sink: the worker has processed it, its outcome is not stored yet\n"
    eventually(lambda: command("trace", 1).out.endswith(wait), 30, "the worker")

    nobody = command("trace", 5)
    assert (nobody.code, nobody.out) == (1, "")
    assert nobody.complaint.startswith(f"error: no webhook 5: neither {Topics.of(installed).raw}[0]@5 nor a row")
