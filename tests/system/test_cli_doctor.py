"""The doctor against real servers: what is sound, what is not, and how it is mended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson
import pytest

from deploy.local.resources import free_port
from operations.restart_record import RestartRecord, record_file
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce, read_all
from tests.support.commands import command
from tests.support.operators import ARRIVAL, document, send
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system


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
    # What `setup` left there: the key of pseudonyms, and which log the generation is of.
    (journal,) = asyncio.run(read_all(installed.kafka, Topics.of(installed).generations, 1))
    assert [record.key.partition(b":")[0] for record in journal] == [b"pseudonym-key", b"journal"]
    monkeypatch.setenv("TELEMETRY_TOKEN", "no-such-token")
    assert states(doctor()[1], "gateway") == {
        "reachable": "ok",
        "ready": "ok",
        "token": "failed",
        "senders": "ok",
    }


def test_the_doctor_warns_where_posts_are_refused_for_their_sender(
    installed: Settings, start_part: Callable[..., Child]
) -> None:
    """Through a mirror nobody else sees it: neither the client, whom the LMS answers, nor the LMS."""
    start_part("gateway")
    for _ in range(2):
        request = Request(f"{installed.gateway_url}/v1/assignment/me/telemetry", b"{}")  # noqa: S310 - ours
        with pytest.raises(HTTPError, match="401"):
            urlopen(request, timeout=10)  # noqa: S310 - ours

    found = doctor()[1]["gateway", "senders"]

    assert found["state"] == "warning"
    assert found["detail"] == ("2 of 2 posts refused for their sender since it began: 2 authentication-required")
    assert "ingest key" in found["mend"]


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
