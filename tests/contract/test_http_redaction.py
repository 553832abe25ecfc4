"""TELEMETRY_REDACT by what a reader gets: named keys are in no stored document, and nothing else changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.support.http_system import HttpSystem, http_system
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

START = 1_772_438_400_000
KEYS = ("fullname", "email", "source_code")
DOCUMENT: dict[str, Any] = {
    "telemetry_id": "run-1",
    "user_id": 1234,
    "slug": "everybodys",
    "fullname": "Mary Jackson",
    "email": "mary@example.com",
    "tutorial_started_at": START,
    "last_interaction_at": START + 60_000,
    "workout_session": [{"started_at": START}],
    "steps": [
        {
            "slug": "00",
            "position": 0,
            "opened_at": START,
            "compilations": [
                {"started_at": START + 1_000, "ended_at": START + 2_000, "exit_code": 1, "source_code": "cHJpbnQ="}
            ],
        }
    ],
}


@pytest.fixture(scope="module")
def redacting(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system whose worker has TELEMETRY_REDACT."""
    with http_system(stack, tmp_path_factory.mktemp("redact"), ("gateway", "sink"), directory="open") as running:
        running.start("worker", {"TELEMETRY_REDACT": ", ".join(KEYS)})
        yield running


def without(value: Any) -> Any:
    """A JSON value without the keys, at any depth."""
    if isinstance(value, dict):
        return {key: without(item) for key, item in value.items() if key not in KEYS}
    return [without(item) for item in value] if isinstance(value, list) else value


def test_named_keys_are_in_no_stored_document(redacting: HttpSystem) -> None:
    """What the IDE and staff read back is the document without them, at any depth."""
    with redacting.client("student", None) as client:
        assert client.post("/v1/assignment/me/telemetry", json=DOCUMENT).text == "ok"

        def read() -> list[dict[str, Any]]:
            params = {"user_ids": "1234", "package_slug": "everybodys", "include_steps": "true"}
            found: list[dict[str, Any]] = client.get("/v1/learnpack/telemetry", params=params).json()["results"]
            return found

        ((stored,),) = eventually(lambda: redacting.query("SELECT document FROM telemetry"), what="the document")
        (document,) = eventually(read, what="the document that is read")

    assert document == orjson.loads(stored) == without(DOCUMENT)


def test_facts_and_scores_are_those_of_the_whole_document(redacting: HttpSystem) -> None:
    """Sizes are taken before texts are left out."""
    facts = eventually(
        lambda: redacting.query("SELECT code_bytes, exit_code FROM events WHERE event = 'compile'"), 60, "the fact"
    )
    ((sessions, interactions),) = eventually(
        lambda: redacting.query(
            "SELECT JSONExtractInt(metrics, 'global', 'metrics', 'num_sessions'), "
            "JSONExtractInt(metrics, 'global', 'metrics', 'total_interactions') FROM scores"
        ),
        60,
        "the scores",
    )

    assert [tuple(fact) for fact in facts] == [(5, 1)]
    assert (sessions, interactions) == (1, 1)
