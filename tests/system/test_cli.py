"""The commands against real servers."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import orjson
import pytest

from deploy.local.resources import free_port
from schemas.wire.topics import Topics
from tests.chaos.kafka import read_all
from tests.support.commands import command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system


def values(place: Settings, topic: str, partitions: int = 1) -> list[bytes]:
    """Keys and values of all records of a topic."""
    found = asyncio.run(read_all(place.kafka, topic, partitions))
    return [part for records in found for record in records for part in (record.key or b"", record.value or b"")]


def test_setup_is_done_once(place: Settings) -> None:
    """The first `setup` creates every topic and table, the second finds nothing to do."""
    first, second = command("setup"), command("setup")

    assert (first.code, second.code) == (0, 0)
    for spec in Topics.of(place).specs(place):
        assert f"created topic {spec.name}\n" in first.out
    assert second.out == "Everything is up to date.\n"


def test_setup_never_changes_partitions(installed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another number of partitions than the topics have is refused, with the number that fits."""
    monkeypatch.setenv("TELEMETRY_PARTITIONS", "3")

    outcome = command("setup")

    assert outcome.code == 1
    assert Topics.of(installed).raw in outcome.complaint
    assert outcome.complaint.endswith("set TELEMETRY_PARTITIONS=2")


def test_tokens_live_from_create_to_revoke(installed: Settings) -> None:
    """A token is shown once, listed by its SHA-256 only, and gone after `revoke`."""
    made = command("token", "create", "--user", 7, "--academy", 4, "--capability", "read_assignment", "--label", "desk")
    key = command("token", "create", "--ingest", "--academy", 4, "--expires", "90d")
    secret = made.out.strip()
    sha256 = hashlib.sha256(secret.encode()).hexdigest()
    listed = command("token", "list")

    assert (made.code, key.code, listed.code) == (0, 0, 0)
    assert sha256[:16] in listed.out
    assert secret not in listed.out + made.err
    assert "desk" in listed.out
    assert "ingest" in listed.out

    assert command("token", "revoke", secret).out == f"revoked {sha256[:16]}\n"
    left = command("token", "list").out
    assert sha256[:16] not in left
    assert hashlib.sha256(key.out.strip().encode()).hexdigest()[:16] in left
    assert command("token", "revoke", secret).complaint.startswith("error: 0 tokens fit; give the secret or at least 8")
    stored = values(installed, Topics.of(installed).tokens)
    assert sha256.encode() in stored
    assert not [part for part in stored if secret.encode() in part]


def test_a_key_without_an_academy_comes_with_a_warning(installed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes in with it would be in no staff's log; with an academy, or a default one, nothing is said."""
    assert installed.default_academy is None
    warned = command("token", "create", "--ingest")
    assert warned.code == 0
    assert warned.err.startswith("warning: without --academy ID no academy's staff see what comes in with this key")
    assert "warning" not in command("token", "create", "--ingest", "--academy", 4).err
    monkeypatch.setenv("TELEMETRY_DEFAULT_ACADEMY", "4")
    assert "warning" not in command("token", "create", "--ingest").err


def test_rules_are_replaced_and_tried(installed: Settings, tmp_path: Path) -> None:
    """`put` cleans and stores, `get` gives it back, `test` says what a webhook would meet, also with a draft."""
    payload, draft = tmp_path / "payload.json", tmp_path / "draft.json"
    payload.write_text('{"slug": "lists", "user_id": "12", "event": "compile"}')
    draft.write_text('{"package_slugs": ["lists"]}')
    rules = b'{"rules": [{"user_ids": [12], "events": ["compile"], "asset_ids": null}, {}], "color": "red"}'
    sane = b'{"rules": [{"user_ids": [12], "events": ["compile"]}]}'
    cleaned = {"rules": [{"user_ids": [12], "events": ["compile"]}]}

    assert command("rules", "get", 4).out == "{}\n"
    assert orjson.loads(command("rules", "put", 4, stdin=sane).out) == cleaned
    assert orjson.loads(command("rules", "put", 4, "--yes", stdin=rules).out) == cleaned
    assert orjson.loads(command("rules", "get", 4).out) == cleaned
    assert command("rules", "test", 4, payload).out == (
        "Ignored by academy learnpack_features.telemetry_webhook_ignore rule (user_ids,events).\n"
    )
    assert command("rules", "test", 4, payload, "--draft", draft).out == (
        "Ignored by academy learnpack_features.telemetry_webhook_ignore (package_slugs).\n"
    )
    assert command("rules", "test", 5, payload).out == "It would be processed: no rule matches.\n"
    refused = command("rules", "put", 4, stdin=b'{"rules": {}}')
    assert (refused.code, refused.complaint) == (1, "error: `rules` must be a list")
    assert command("rules", "put", 4, stdin=b"null").code == 0
    assert command("rules", "get", 4).out == "{}\n"
    assert values(installed, Topics.of(installed).ignore_rules)[-2:] == [b"4", b""]


def test_odd_rules_take_effect_only_when_somebody_agrees(installed: Settings, tmp_path: Path) -> None:
    """`put` names what is odd and asks; no answer, or another one than yes, leaves the rules as they are."""
    odd = tmp_path / "odd.json"
    odd.write_text('{"rules": [{"user_ids": [7], "event": ["batch"]}], "events": ["bacth"]}')
    topic = Topics.of(installed).ignore_rules
    warned = [
        (
            "warning: `rules[0].event` is no field of ignore rules and is left out; its rule matches more without it; "
            "did you mean `events`?"
        ),
        'warning: `events[0]`: LearnPack sends no event "bacth"; did you mean `batch`?',
        "They would have ignored 0 of 0 webhooks of the last 7 days, of 0 of 0 students.",
    ]

    for answer in (b"n\n", b""):
        refused = command("rules", "put", 4, odd, stdin=answer)
        assert (refused.code, refused.err.splitlines()[:3]) == (1, warned)
        assert "Replace the rules of academy 4? [y/N]" in refused.err
        assert refused.err.endswith(
            "error: the rules of academy 4 stay as they are; correct the new ones, or add --yes to take them so.\n"
        )
    payload = tmp_path / "payload.json"
    payload.write_text('{"slug": "lists", "user_id": 7, "event": "test"}')
    assert command("rules", "test", 4, payload, "--draft", odd).err.splitlines() == warned[:2]
    refused = command("rules", "put", 4, stdin=odd.read_bytes())
    assert (refused.code, "[y/N]" in refused.err) == (1, False)
    assert values(installed, topic) == []

    agreed = command("rules", "put", 4, odd, stdin=b"y\n")
    assert (agreed.code, orjson.loads(agreed.out)) == (0, {"rules": [{"user_ids": [7]}], "events": ["bacth"]})
    assert command("rules", "put", 5, odd, "--yes").err.splitlines() == warned
    assert [one for one in values(installed, topic) if len(one) == 1] == [b"4", b"5"]


def test_documents_are_sent_to_a_gateway(
    start_part: Callable[..., Child], installed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`send` posts each line as it is; a token that is not known is an error that says so."""
    monkeypatch.setenv("TELEMETRY_TOKEN", command("token", "create", "--user", 7).out.strip())
    start_part("gateway")
    bodies = [orjson.dumps({"slug": "lists", "telemetry_id": f"run-{number}", "steps": []}) for number in range(3)]
    file = tmp_path / "documents.ndjson"
    file.write_bytes(b"\n".join(bodies))

    sent = command("send", file)

    assert (sent.code, sent.out) == (0, "3 x 200 ok\n")
    assert sorted(values(installed, Topics.of(installed).raw, partitions=2)[1::2]) == bodies

    refused = command("send", file, "--token", "no-such-token")
    assert refused.code == 1
    assert refused.out.startswith("3 x 401 ")
    assert "error: 3 of 3 webhooks were refused; the answers above say why." in refused.err


def test_status_names_what_does_not_run(start_part: Callable[..., Child], installed: Settings) -> None:
    """With a gateway alone the servers and it are `ok`, worker and sink are not, and scripts can read it."""
    start_part("gateway")

    outcome = command("status", "--json")
    found = orjson.loads(outcome.out)

    assert outcome.code == 1
    assert outcome.complaint == "error: not everything works: worker, sink"
    assert found["parts"] == {
        "gateway": "ok",
        "worker": "no process runs",
        "sink": "no process runs",
        "kafka": "ok",
        "clickhouse": "ok",
    }
    assert found["rows"]["events"] == 0
    assert found["healthy"] is False
    assert installed.database not in command("status").err


def test_status_survives_servers_that_are_away(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not answer is reported in its place, each with its address, not raised."""
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("TELEMETRY_KAFKA", nowhere)
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", f"http://default@{nowhere}")

    outcome = command("status", "--json")
    parts = orjson.loads(outcome.out)["parts"]

    assert outcome.code == 1
    assert nowhere in parts["kafka"]
    assert parts["clickhouse"].startswith(f"does not answer at {nowhere}; start it ")
    assert place.gateway_url in parts["gateway"]
