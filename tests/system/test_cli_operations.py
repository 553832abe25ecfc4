"""The operator's commands against real servers: dead letters, a webhook's trace, the doctor."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from deploy.local.resources import free_port
from operations.restart_record import RestartRecord, record_file
from schemas.times import sql_time
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce, read_all
from tests.support.commands import command
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system

# An hour ago, so that a time of arrival that is kept can be told from one that is not.
ARRIVAL = time.time_ns() // 1_000_000 - 3_600_000


def document(student: int, size: int = 0) -> bytes:
    """A document with one compilation and so many bytes of output."""
    compilation = {"started_at": 1_772_438_405_000, "exit_code": 0, "stdout": "x" * size}
    step = {"slug": "00", "position": 0, "opened_at": 1_772_438_400_000, "compilations": [compilation]}
    whole = {"telemetry_id": f"run-{student}", "user_id": student, "slug": "lists", "steps": [step]}
    return orjson.dumps(whole | {"tutorial_started_at": 1_772_438_400_000, "workout_session": []})


def send(place: Settings, values: Sequence[bytes], topic: str = "", partition: int = 0) -> None:
    """Append webhooks for academy 4, with receipts r0, r1…, to the raw topic, or bare records to another one."""
    headers = [[] if topic else encode_headers(RawHeaders(academy=4, receipt=f"r{at}")) for at in range(len(values))]
    records = [(partition, b"7", value, own) for value, own in zip(values, headers, strict=True)]
    asyncio.run(produce(place.kafka, topic or Topics.of(place).raw, records, timestamps=[ARRIVAL] * len(records)))


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
    assert command("dead-letters", "list").out == "No dead letter waits.\n"
    assert len(asyncio.run(read_all(installed.kafka, topics.facts, 1))[0]) == 1


def test_a_retry_of_all_does_what_can_be_done(
    installed: Settings, start_part: Callable[..., Child], clickhouse: Client
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
        return found if all(found[table] for table in ("raw", "outcome", "scores", "documents")) else {}

    stored = eventually(whole, 60, "the last webhook's rows")
    fact = "facts       1 compile of step 00 in lists\n"
    eventually(lambda: fact in command("trace", first).out, 30, "the first webhook's fact")

    assert (stored["partition"], stored["offset"]) == (1, 2)
    assert stored["record"]["headers"]["receipt"] == "r2"
    assert (stored["outcome"]["verdict"], stored["facts"], stored["waits_for"]) == ("stored", [], "")
    assert [row["by_it"] for row in (*stored["scores"], *stored["documents"])] == [1, 1]
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


def doctor() -> tuple[int, dict[tuple[str, str], dict[str, str]]]:
    """The exit code and the findings of `doctor` by part and check."""
    outcome = command("doctor", "--json")
    findings = {(one["part"], one["check"]): one for one in orjson.loads(outcome.out)}
    assert all(one["mend"] for one in findings.values() if one["state"] != "ok")
    return outcome.code, findings


def states(findings: dict[tuple[str, str], dict[str, str]], part: str) -> dict[str, str]:
    """The states of a part's checks."""
    return {check: one["state"] for (whose, check), one in findings.items() if whose == part}


def test_the_doctor_finds_nothing_wrong_with_a_sound_system(
    installed: Settings, start_part: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With servers, topics, tables, parts and token every check passes, and nothing of it is left in the log."""
    monkeypatch.setenv("TELEMETRY_TOKEN", command("token", "create", "--user", 7).out.strip())
    for part in ("gateway", "worker", "sink"):
        start_part(part)

    code, findings = doctor()

    assert {one["state"] for one in findings.values()} == {"ok"}
    assert code == 0
    own = {"settings", "machine", "kafka", "clickhouse", "gateway", "worker", "sink"}
    assert {part for part, _ in findings} == own
    # The key of pseudonyms is what `setup` left there.
    (journal,) = asyncio.run(read_all(installed.kafka, Topics.of(installed).generations, 1))
    assert [record.key.partition(b":")[0] for record in journal] == [b"pseudonym-key"]
    monkeypatch.setenv("TELEMETRY_TOKEN", "no-such-token")
    assert states(doctor()[1], "gateway") == {"reachable": "ok", "ready": "ok", "token": "failed"}


def test_the_doctor_counts_webhooks_that_nobody_sees(
    installed: Settings, start_part: Callable[..., Child], clickhouse: Client
) -> None:
    """Those of the last days that are in no academy are a warning, with what to set."""
    send(installed, [document(7)])
    records = [(0, b"8", document(8), encode_headers(RawHeaders(receipt="r9")))]
    asyncio.run(produce(installed.kafka, Topics.of(installed).raw, records, timestamps=[ARRIVAL]))
    start_part("sink")
    start_part("worker")
    query = f"SELECT count() FROM {installed.database}.webhooks"
    eventually(lambda: clickhouse.query(query).first_row == (2,), 60, "both outcomes")

    found = doctor()[1]["clickhouse", "academies"]

    assert (found["state"], found["detail"]) == ("warning", "1 of 2 webhooks of the last 7 days are in none")
    assert "--academy ID" in found["mend"]
    assert "TELEMETRY_DEFAULT_ACADEMY" in found["mend"]


def test_the_doctor_names_parts_that_do_not_run(installed: Settings) -> None:
    """Without members in their groups workers and sinks are missing; one that `up` starts again and again is named."""
    record = RestartRecord(record_file(installed.data))
    for name, ends in (("worker-1", 3), ("sink", 1), ("gateway", 0)):
        for _ in range(ends):
            record.ended(name, "exit code 72")
        record.running(name)

    code, findings = doctor()

    assert code == 1
    assert (states(findings, "worker"), states(findings, "sink")) == (
        {"running": "failed"},
        {
            "running": "failed",
            "restarts": "warning",
        },
    )
    assert f"{Topics.of(installed).application} runs" in findings["worker", "running"]["detail"]
    assert findings["worker-1", "restarts"]["state"] == "failed"
    assert findings["worker-1", "restarts"]["detail"].endswith("3 times in the last 10 minutes: exit code 72")
    assert findings["sink", "restarts"]["detail"] == "restarted 1 time, last: exit code 72"
    assert findings["gateway", "restarts"]["state"] == "ok"


def test_the_doctor_names_what_setup_would_make(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before `setup` topics and tables are missing; after it another number of partitions is named."""
    code, findings = doctor()

    assert code == 1
    assert findings["kafka", "topics"]["mend"] == findings["clickhouse", "tables"]["mend"]
    assert findings["kafka", "topics"]["mend"] == "Run: learnpack-telemetry setup"
    assert states(findings, "gateway") == {"reachable": "failed"}
    assert place.gateway_url in findings["gateway", "reachable"]["detail"]

    assert command("setup").code == 0
    monkeypatch.setenv("TELEMETRY_PARTITIONS", "5")
    findings = doctor()[1]
    assert findings["kafka", "topics"]["mend"] == "Set TELEMETRY_PARTITIONS=2."
    assert set(states(findings, "clickhouse").values()) == {"ok"}


def test_the_doctor_names_what_cannot_be_reached(
    place: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that is away, a wrong password and a directory that is a file are found in one go."""
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("TELEMETRY_KAFKA", nowhere)
    address = place.clickhouse.get_secret_value().rpartition("@")[2]
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", f"http://telemetry:hunter2@{address}")
    (tmp_path / "file").touch()
    monkeypatch.setenv("TELEMETRY_SPOOL", str(tmp_path / "file" / "spool"))

    code, findings = doctor()

    assert code == 1
    assert states(findings, "kafka") == {"reachable": "failed"}
    assert nowhere in findings["kafka", "reachable"]["detail"]
    assert states(findings, "clickhouse") == {"reachable": "failed"}
    assert states(findings, "machine")["spool"] == "failed"
    assert "hunter2" not in str(findings)
    monkeypatch.setenv("TELEMETRY_STORE", "disk")
    assert list(doctor()[1]) == [("settings", "valid")]
