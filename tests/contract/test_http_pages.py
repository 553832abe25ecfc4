"""Answers have bounds in bytes: pages end early and go on, long payloads are cut and can be had whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlparse

import pytest

from gateway.reading.payloads import PAGE_BYTES, PAYLOAD_BYTES
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import httpx

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ME: Final = "/v1/assignment/me/telemetry"
BACK: Final = "/v1/learnpack/telemetry"
LOG: Final = "/v1/assignment/academy/learnpack/webhook"

# Members of academy 1 of whom nobody else speaks.
STUDENT: Final = 456
LONG: Final = 4_500_000
MIDDLE: Final = 900_000


def document(slug: str, size: int, **more: Any) -> dict[str, Any]:
    """A batch of about so many bytes."""
    step = {"slug": "one", "position": 0, "is_testeable": False, "notes": "é" * (size // 2)}
    return {"telemetry_id": f"run-{slug}", "user_id": STUDENT, "slug": slug, "steps": [step], **more}


def post(system: HttpSystem, *bodies: dict[str, Any], **params: str) -> None:
    """Send batches."""
    with system.client("ingest") as client:
        for body in bodies:
            sent = json.dumps(body, ensure_ascii=False).encode()
            assert client.post(ME, content=sent, params=params).text == "ok"


def follow(client: httpx.Client, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
    """All pages from the first on, by `next`."""
    pages = []
    answer = client.get(path, params=params)
    while True:
        assert answer.status_code == 200, answer.text[:300]
        pages.append(answer.json())
        after = pages[-1].get("next")
        assert (f'<{after}>; rel="next"' in answer.headers.get("link", "")) == (after is not None)
        if after is None:
            return pages
        assert len(pages) < 50
        answer = client.get(after)


@pytest.fixture(scope="module")
def filled(system: HttpSystem) -> HttpSystem:
    """Twelve webhooks of 4.5 MB and thirty of 900 kB, all of one student, and a short one."""
    # The events are of no kind, so that the log is long and no state is.
    post(system, *(document(f"long-{n}", LONG, event="long") for n in range(12)), asset_id="77")
    post(system, *(document(f"middle-{n}", MIDDLE, event="middle") for n in range(30)))
    post(system, {"user_id": STUDENT, "slug": "short", "event": "short"})
    for name, count in (("long", 12), ("middle", 30), ("short", 1)):
        query = "SELECT count() FROM webhook_log WHERE event = {e:String} AND status != 'PENDING' AND payload != ''"
        eventually(lambda: system.query(query, e=name)[0][0] == count, 120, name)  # noqa: B023 - called at once
    return system


def test_a_page_ends_before_it_is_too_large(filled: HttpSystem) -> None:
    """Normal payloads are whole; every webhook is on one page, in order, whatever `limit` asks for."""
    with filled.client() as client:
        pages = follow(client, LOG, {"event": "middle", "limit": "1000", "sort": "id"})

    found = [row["id"] for page in pages for row in page["results"]]
    assert len(pages) > 1
    assert {page["count"] for page in pages} == {30}
    assert found == sorted(set(found))
    assert len(found) == 30
    for page in pages:
        payloads = [json.dumps(row["payload"], ensure_ascii=False).encode() for row in page["results"]]
        assert sum(map(len, payloads)) <= PAGE_BYTES
        assert all(row["payload"]["steps"][0]["notes"] == "é" * (MIDDLE // 2) for row in page["results"])


def test_previous_leads_back(filled: HttpSystem) -> None:
    """From wherever a page ended, to the first one."""
    with filled.client() as client:
        last = follow(client, LOG, {"event": "middle", "limit": "10", "sort": "id"})[-1]
        seen = {row["id"] for row in last["results"]}
        while last["previous"]:
            last = client.get(last["previous"]).json()
            seen |= {row["id"] for row in last["results"]}

    assert parse_qs(urlparse(str(last["next"])).query)["offset"] == [str(len(last["results"]))]
    assert len(seen) == 30


def test_a_long_payload_is_cut_with_an_address_for_the_whole(filled: HttpSystem) -> None:
    """A page says how long it is, how it begins and what its parameters were; the address gives all of it."""
    with filled.client() as client:
        page = client.get(LOG, params={"event": "long", "limit": "1000"})
        rows = page.json()["results"]
        whole = client.get(rows[0]["payload"]["truncated"]["url"])

    assert len(page.content) < 200_000
    assert len(rows) == 12
    for row in rows:
        cut = row["payload"]["truncated"]
        assert cut["bytes"] > LONG
        assert cut["beginning"].startswith('{"telemetry_id": "run-long-')
        assert row["payload"]["asset_id"] == "77"
    assert whole.status_code == 200
    assert {**whole.json(), "payload": None} == {**rows[0], "payload": None}
    assert whole.json()["payload"]["steps"][0]["notes"] == "é" * (LONG // 2)
    assert PAYLOAD_BYTES < LONG


def test_one_webhook_is_shown_to_its_academy_only(filled: HttpSystem) -> None:
    """404 for one that is not there or somebody else's."""
    with filled.client() as client:
        row = client.get(LOG, params={"event": "short"}).json()["results"][0]
        own = client.get(f"{LOG}/{row['id']}")
        missing = [client.get(f"{LOG}/{name}") for name in ("1152921504606846975", "x", "9" * 30)]
    with filled.client("foreign", 2) as client:
        foreign = client.get(f"{LOG}/{row['id']}")

    assert own.json() == row
    assert {answer.json()["slug"] for answer in (*missing, foreign)} == {"webhook-not-found"}
    assert {answer.status_code for answer in (*missing, foreign)} == {404}


def test_documents_are_read_back_whole_and_in_pages(system: HttpSystem) -> None:
    """None is cut: an answer holds as many as fit, one at least, and `next` goes on."""
    slugs = [f"large-{number}" for number in range(6)]
    with system.client() as client:
        for slug in slugs:
            path = f"/v1/assignment/academy/asset/{slug}/user/123/telemetry"
            answer = client.post(path, json={"telemetry": {"slug": slug, "steps": [], "notes": "x" * LONG}})
            assert answer.status_code == 201
            assert len(answer.json()["telemetry"]["notes"]) == LONG
        pages = follow(client, BACK, {"user_ids": "123", "include_steps": "true"})
        one = client.get(BACK, params={"user_ids": "123", "package_slug": slugs[0]})

    found = [
        found["slug"] for page in pages for found in page["results"] if str(found.get("slug")).startswith("large-")
    ]
    assert len(pages) > 1
    assert sorted(found) == slugs
    assert found == slugs[::-1]
    for page in pages:
        assert len(page["results"]) == 1 or len(json.dumps(page).encode()) <= PAGE_BYTES
    assert list(one.json()) == ["results"]
    assert "link" not in one.headers
    assert "steps" not in one.json()["results"][0]
    assert len(one.json()["results"][0]["notes"]) == LONG
