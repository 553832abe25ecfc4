"""The webhook log (docs/api.md, "What became of it: the webhook log")."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

LOG = "/v1/assignment/academy/learnpack/webhook"
ME = "/v1/assignment/me/telemetry"

_packages = itertools.count(5000)


def post(client: httpx.Client, **payload: Any) -> None:
    """Send a webhook that must be accepted."""
    assert client.post(ME, json=payload).text == "ok"


@pytest.fixture
def package() -> int:
    """A package id that no other test uses, so that its filter shows only this test's rows."""
    return next(_packages)


def test_a_webhook_shows_with_what_became_of_it(system: HttpSystem, package: int) -> None:
    """A row has the documented fields, the merged payload and the student's name."""
    with system.client() as client:
        sent = {"user_id": 123, "slug": "javascript-arrays-intro", "package_id": package, "event": "nope"}
        assert client.post(ME, params={"asset_id": "301"}, json=sent).text == "ok"
    (row,) = system.settled(learnpack_package_id=package)

    assert row.pop("id") >= 0
    assert row.pop("created_at").endswith("Z")
    assert row.pop("updated_at").endswith("Z")
    assert row == {
        "is_streaming": True,
        "event": "nope",
        "asset_id": 301,
        "learnpack_package_id": package,
        "payload": {**sent, "asset_id": "301"},
        "status": "ERROR",
        "status_text": "Learnpack telemetry event `nope` is not implemented",
        "student": {"id": 123, "first_name": "Ada", "last_name": "Lovelace"},
    }


def test_filters_take_lists_and_all_must_match(system: HttpSystem, package: int) -> None:
    """Inside a filter any value fits; of several filters, all must."""
    with system.client() as client:
        for user, event in ((123, "open_step"), (123, "nope"), (456, "nope")):
            post(client, user_id=user, slug="s", package_slug="everybodys", package_id=package, event=event)
        system.settled(3, learnpack_package_id=package)

        def count(**filters: Any) -> int:
            answer = client.get(LOG, params={"learnpack_package_id": f"{package},1", **filters}).json()
            return int(answer["count"])

        assert count(student="123,456") == 3
        assert count(student="123") == 2
        assert count(event="nope,open_step") == 3
        assert count(student="123", event="nope") == 1
        assert count(asset_id="400,20") + count(asset_id="20") == count(asset_id="400")
        assert count(status="done,ERROR") == 3
        assert count(status="PENDING,IGNORED") == 0


def test_pages_link_to_each_other(system: HttpSystem, package: int) -> None:
    """Following `next` shows every row once, newest first, and headers say the same as the body."""
    with system.client() as client:
        for number in range(5):
            post(client, user_id=123, slug=f"s{number}", package_id=package, event="nope")
        system.settled(5, learnpack_package_id=package)
        answer = client.get(LOG, params={"learnpack_package_id": package, "limit": 2})
        pages = [answer]
        while (following := pages[-1].json()["next"]) is not None:
            pages.append(client.get(following))

    rows = [row for page in pages for row in page.json()["results"]]
    assert [len(page.json()["results"]) for page in pages] == [2, 2, 1]
    assert len({row["id"] for row in rows}) == 5
    assert rows == sorted(rows, key=lambda row: row["created_at"], reverse=True)
    assert answer.headers["x-total-count"] == "5"
    assert answer.headers["link"] == f'<{answer.json()["next"]}>; rel="next"'
    assert answer.json()["previous"] is None
    assert pages[1].json()["previous"].endswith("limit=2&offset=0")


def test_a_page_has_twenty_rows_by_default_and_a_thousand_at_most(system: HttpSystem, package: int) -> None:
    """Without `limit`, and with too large a one, pages stay bounded."""
    with system.client() as client:
        for number in range(21):
            post(client, user_id=123, slug=f"s{number}", package_id=package, event="nope")
        system.settled(21, learnpack_package_id=package)

        assert len(client.get(LOG, params={"learnpack_package_id": package}).json()["results"]) == 20
        assert client.get(LOG, params={"limit": 100_000}).status_code == 200


def test_the_oldest_come_first_where_that_is_asked_for(system: HttpSystem, package: int) -> None:
    """`sort` names a column, a minus turns it round."""
    with system.client() as client:
        for number in range(3):
            post(client, user_id=123, slug=f"s{number}", package_id=package, event="nope")
        rows = system.settled(3, learnpack_package_id=package)
        turned = client.get(LOG, params={"learnpack_package_id": package, "sort": "created_at"}).json()["results"]

    assert turned == rows[::-1]


@pytest.mark.parametrize("name", ["student", "asset_id", "learnpack_package_id", "limit", "offset"])
@pytest.mark.parametrize("value", ["x", "1,x", "-1", "1.5", "1;DROP TABLE raw", "٣", "9" * 40])
def test_a_filter_that_is_no_number_is_refused(system: HttpSystem, name: str, value: str) -> None:
    """400 `invalid-filter` names the filter."""
    with system.client() as client:
        answer = client.get(LOG, params={name: value})

    assert answer.status_code == 400
    assert answer.json()["slug"] == "invalid-filter"
    assert name in answer.json()["detail"]


def test_an_unknown_order_is_refused(system: HttpSystem) -> None:
    """400 `invalid-sort`, and nothing of it reaches the database."""
    with system.client() as client:
        answer = client.get(LOG, params={"sort": "payload; SELECT 1"})

    assert (answer.status_code, answer.json()["slug"]) == (400, "invalid-sort")


def test_another_academys_webhooks_are_not_shown(system: HttpSystem, package: int) -> None:
    """A row shows where the request was scoped to the academy or its student is a member, and nowhere else."""
    with system.client(academy=None) as client:
        post(client, user_id=123, slug="s", package_id=package, event="nope")
        post(client, user_id=900, slug="s", package_id=package, event="nope")
    (row,) = system.settled(learnpack_package_id=package)
    (foreign,) = system.settled(who="foreign", academy=2, learnpack_package_id=package)
    # Once more, now that both are there.
    (row,) = system.settled(learnpack_package_id=package)

    assert row["student"]["id"] == 123
    assert foreign["student"]["id"] == 900


def test_a_webhook_in_error_can_be_deleted(system: HttpSystem, package: int) -> None:
    """204 once it is gone, for good; then it is not found."""
    with system.client() as client:
        post(client, user_id=456, slug="s", package_id=package, event="nope")
        (row,) = system.settled(learnpack_package_id=package)

        answer = client.delete(f"{LOG}/{row['id']}")

        assert (answer.status_code, answer.content) == (204, b"")
        assert client.get(LOG, params={"learnpack_package_id": package}).json()["count"] == 0
        again = client.delete(f"{LOG}/{row['id']}")
    assert (again.status_code, again.json()["slug"]) == (404, "webhook-not-found")


def test_only_a_webhook_in_error_can_be_deleted(system: HttpSystem, package: int) -> None:
    """400 `invalid-webhook-status` for any other, which stays."""
    with system.client() as client:
        post(client, user_id=123, slug="s", package_slug="everybodys", package_id=package, event="open_step")
        (row,) = system.settled(learnpack_package_id=package)
        answer = client.delete(f"{LOG}/{row['id']}")

        assert (answer.status_code, answer.json()["slug"]) == (400, "invalid-webhook-status")
        assert client.get(LOG, params={"learnpack_package_id": package}).json()["count"] == 1


@pytest.mark.parametrize("number", ["999999999999", "x", "-1", "9" * 30])
def test_an_unknown_webhook_cannot_be_deleted(system: HttpSystem, number: str) -> None:
    """404 `webhook-not-found`."""
    with system.client() as client:
        answer = client.delete(f"{LOG}/{number}")

    assert (answer.status_code, answer.json()["slug"]) == (404, "webhook-not-found")


def test_another_academys_webhook_cannot_be_deleted(system: HttpSystem, package: int) -> None:
    """To another academy it does not exist."""
    with system.client() as client:
        post(client, user_id=123, slug="s", package_id=package, event="nope")
    (row,) = system.settled(learnpack_package_id=package)
    with system.client("foreign", 2) as client:
        answer = client.delete(f"{LOG}/{row['id']}")

    assert (answer.status_code, answer.json()["slug"]) == (404, "webhook-not-found")
    assert system.settled(learnpack_package_id=package)


def test_all_in_error_that_pass_the_filters_are_deleted(system: HttpSystem, package: int) -> None:
    """204 once they are gone; rows that do not pass, or are not in error, stay."""
    with system.client() as client:
        for user in (123, 123, 456):
            post(client, user_id=user, slug=f"s{user}", package_id=package, event="nope", n=next(_packages))
        post(client, user_id=123, slug="s", package_slug="everybodys", package_id=package, event="open_step")
        system.settled(4, learnpack_package_id=package)

        answer = client.delete(LOG, params={"status": "ERROR", "student": 123, "learnpack_package_id": package})

        assert (answer.status_code, answer.content) == (204, b"")
        left = client.get(LOG, params={"learnpack_package_id": package}).json()["results"]
    assert sorted((row["student"]["id"], row["status"]) for row in left) == [(123, "DONE"), (456, "ERROR")]


@pytest.mark.parametrize(
    ("params", "slug"),
    [
        ({}, "missing-status"),
        ({"status": ""}, "missing-status"),
        ({"status": "DONE"}, "invalid-status"),
        ({"status": "ERROR,DONE"}, "invalid-status"),
        ({"status": "ERROR", "student": "x"}, "invalid-filter"),
    ],
)
def test_a_bulk_delete_needs_the_status_error(system: HttpSystem, params: dict[str, str], slug: str) -> None:
    """400 with the documented slug, and nothing is deleted."""
    with system.client() as client:
        answer = client.delete(LOG, params=params)

    assert (answer.status_code, answer.json()["slug"]) == (400, slug)
