"""What a gateway says of how long webhooks are kept is what the tables do, whatever it was told itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import pytest

from operations.table_setup import setup_tables
from sinks.clickhouse import connect
from tests.support.console import logged_in, page
from tests.support.http_system import http_system

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.http_system import HttpSystem
    from tests.support.stack import Stack

pytestmark = pytest.mark.system

LOG: Final = "/v1/assignment/academy/learnpack/webhook"


@pytest.fixture(scope="module")
def kept(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A gateway by the defaults, over tables that keep outcomes for longer and `raw` for a day.

    Two webhooks have an outcome and no row of their own: 5 arrived 50 days ago, 6 just now. Of 3, of long ago, and 4
    there are facts alone.
    """
    with http_system(stack, tmp_path_factory.mktemp("kept"), ("gateway",), directory="open") as running:
        setup_tables(running.settings.model_copy(update={"webhook_retention_days": 77}))
        database = running.settings.database
        with contextlib.closing(connect(running.settings)) as client:
            client.command(f"ALTER TABLE {database}.raw MODIFY TTL toDateTime(received_at) + INTERVAL 1 DAY")
            client.command(
                f"INSERT INTO {database}_g1.webhooks (id, academy_ids, event, status, verdict, source, created_at)"
                " VALUES (5, [1], 'batch', 'DONE', 'stored', 'learnpack', now64(3) - INTERVAL 50 DAY),"
                " (6, [1], 'batch', 'DONE', 'stored', 'learnpack', now64(3))"
            )
            client.command(
                f"INSERT INTO {database}_g1.events"
                " (event, received_at, academy_id, actor, asset_slug, webhook_id, item_id)"
                " VALUES ('compile', now64(3) - INTERVAL 99 DAY, 1, '7', 'lists', 3, 3),"
                " ('compile', now64(3), 1, '7', 'lists', 4, 4)"
            )
        yield running


def test_a_row_that_has_expired_is_waited_for_by_nobody(kept: HttpSystem) -> None:
    """`raw_expired` says so, and the page; of one that comes yet, what it waits for."""
    with kept.client() as client:
        gone, comes = (client.get(f"/v1/telemetry/academy/webhooks/{one}/trace").json() for one in (5, 6))
    with logged_in(kept) as client:
        shown = [page(client.get(f"/console/webhooks/{one}")).text for one in (5, 6)]

    assert (gone["waits_for"], gone["raw_expired"]) == (None, True)
    assert (comes["waits_for"], comes["raw_expired"]) == ("raw", False)
    assert "Its own row, with what it said, is no longer kept." in shown[0]
    assert "Its own row is not stored yet." in shown[1]


def test_facts_tell_of_a_webhook_whose_outcome_has_expired(kept: HttpSystem) -> None:
    """What it said is null, as are the sizes of rows that are not there; of what has gone whole that is said."""
    with kept.client() as client:
        gone, comes, row, nothing, never = (
            client.get(f"/v1/telemetry/academy/webhooks/{one}/trace") for one in (3, 4, 5, 2, 1 << 41)
        )
    with kept.client("foreign", 2) as client:
        foreign = client.get("/v1/telemetry/academy/webhooks/3/trace")
    with logged_in(kept) as client:
        shown = page(client.get("/console/webhooks/3")).text

    told = gone.json()
    assert (told["status"], told["outcome_expired"], told["raw_expired"], told["waits_for"]) == (None, True, True, None)
    assert {told[name] for name in ("payload_bytes", "receipt", "source", "event", "is_streaming")} == {None}
    assert [fact["facts"] for fact in told["facts"]] == [1]
    waits = comes.json()
    assert (waits["status"], waits["outcome_expired"], waits["waits_for"]) == ("PENDING", False, "outcome")
    assert (row.json()["payload_bytes"], row.json()["outcome_expired"]) == (None, False)
    slugs = [(answer.status_code, answer.json()["slug"]) for answer in (nothing, never, foreign)]
    assert slugs == [(404, "webhook-expired"), (404, "webhook-not-found"), (404, "webhook-not-found")]
    assert "Its outcome is no longer kept" in shown
    assert "Payload (not kept)" in shown
    assert "0 B" not in shown


def test_the_log_goes_back_as_far_as_the_view(kept: HttpSystem) -> None:
    """Its page says so, and a webhook of before the gateway's own setting is in it, and in the answer."""
    with logged_in(kept) as client:
        shown = page(client.get("/console/webhooks"))
    with kept.client() as client:
        rows = client.get(LOG).json()["results"]

    assert "for 77 days." in shown.text
    assert "/console/webhooks/5" in shown.addresses
    assert [row["id"] for row in rows] == [6, 5]
