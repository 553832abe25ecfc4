"""The console: who gets in and sees what, in which language, and that nothing that students write does anything."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from gateway.console.once import offer_link, with_link
from operations.tokens import digest, grant, revoke_token
from tests.support.console import LOGIN, browser, logged_in, page
from tests.support.http_directory import TOKENS, secret
from tests.support.insights import FOREIGNER, MARKUP, MEMBER, UNKNOWN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import httpx

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

# Every page, and every list as a file.
WORK: Final = f"/console/students/{MEMBER}/tutorial?slug=everybodys"
PAGES: Final = (
    "/console/",
    "/console/?since=24h",
    "/console/stuck",
    "/console/students",
    f"/console/students/{MEMBER}",
    WORK,
    "/console/tutorials",
    "/console/tutorials/one?slug=everybodys",
    "/console/webhooks",
    "/console/rules",
    "/console/letters",
    "/console/operations",
)
FILES: Final = (
    "/console/stuck.csv",
    "/console/students.csv?q=love",
    "/console/tutorials.csv",
    "/console/tutorials/one.csv?slug=everybodys",
    "/console/webhooks.csv",
    "/console/letters.csv",
)


@pytest.mark.parametrize("path", ["/", "/console", *PAGES, *FILES])
def test_whoever_is_not_logged_in_is_asked_to(told: HttpSystem, path: str) -> None:
    """Every address leads to the log-in, and from there back."""
    with browser(told) as client:
        shown = page(client.get(path))
        assert shown.title.startswith("Log in")
        assert "Lovelace" not in shown.text
        entered = client.post(LOGIN, data={"token": secret("staff"), "next": shown.fields["next"]})

    assert entered.status_code == 200
    assert entered.request.url.raw_path.decode() == (path if path in (*PAGES, *FILES) else "/console/")


@pytest.mark.parametrize(
    ("who", "status", "said"),
    [
        ("expired", 401, "no such token"),
        ("unknown", 401, "no such token"),
        ("student", 403, "read_assignment"),
        ("ingest", 403, "read_assignment"),
    ],
)
def test_who_may_see_nothing_does_not_get_in(told: HttpSystem, who: str, status: int, said: str) -> None:
    """A token that is over, one that nobody made, one without a capability, an ingest key."""
    with browser(told) as client:
        shown = page(client.post(LOGIN, data={"token": secret(who)}), status)
        assert said in shown.text
        assert not client.cookies
        assert page(client.get("/console/stuck")).title.startswith("Log in")


def test_another_academys_staff_see_their_own(told: HttpSystem) -> None:
    """Nothing of academy 1's students, and nobody makes them look there."""
    with logged_in(told, "foreign") as client:
        stuck = page(client.get("/console/stuck"))
        page(client.post("/console/academy", data={"academy": "1", "csrf": stuck.fields["csrf"]}), 403)
        again = page(client.get("/console/stuck"))

    for shown in (stuck, again):
        assert "Lovelace" not in shown.text
        assert "Emmy Noether" in shown.text


def test_staff_see_the_figures_of_the_api(told: HttpSystem, staff: httpx.Client) -> None:
    """Who is stuck are those of the API, and the overview counts them and every webhook."""
    with told.client() as client:
        stuck = client.get("/v1/telemetry/academy/students/stuck").json()

        def agrees() -> bool:
            # What others have sent may be stored, or a day begin, between the two.
            day = client.get("/v1/telemetry/academy/overview").json()["ledger"][-1]
            seen = page(staff.get("/console/")).text
            figures = f" {day['received']} {day['stored']} {day['ignored']} {day['duplicate']} "
            return figures in seen and "Everything that was accepted is stored." in seen

        eventually(agrees, what="the figures of the API")
    shown, overview = page(staff.get("/console/stuck")), page(staff.get("/console/"))

    assert {row["student"]["id"] for row in stuck["results"]} == {MEMBER, UNKNOWN}
    assert f"{MARKUP} Lovelace" in shown.text
    assert f"Student {UNKNOWN}" in shown.text
    assert str(FOREIGNER) not in shown.text
    assert "2 students are stuck" in overview.text


def test_filters_are_in_the_address(staff: httpx.Client) -> None:
    """An address can be sent to somebody else; one that cannot be read is refused, and no slug leads anywhere."""
    cohort = page(staff.get("/console/stuck?cohort=12"))
    nobody = page(staff.get("/console/stuck?asset=../../etc/passwd"))

    assert f"Student {UNKNOWN}" not in cohort.text
    assert "cohort=12" in "".join(cohort.addresses)
    assert "Nobody is stuck." in nobody.text
    assert "invalid" not in page(staff.get("/console/stuck?since=soon"), 400).text
    page(staff.get("/console/..%2f..%2fetc/passwd"), 404)
    page(staff.get("/console/static/..%2f..%2fpage.py"), 404)


def test_nothing_that_students_write_does_anything(staff: httpx.Client) -> None:
    """A name and a step that are markup are text, in pages and in files."""
    for path in PAGES:
        shown = page(staff.get(path))
        assert shown.tags.count("script") == 1, path
        assert MARKUP not in shown.html, path
    rows = staff.get("/console/stuck.csv").text

    assert MARKUP in rows
    assert rows.count("\n") == 3


@pytest.mark.parametrize("path", [LOGIN, *PAGES, "/console/nowhere"])
def test_pages_ask_nobody_else(staff: httpx.Client, path: str) -> None:
    """Every address is ours, the policy allows no other, and what the page needs is there."""
    answer = staff.get(path)
    shown = page(answer, 404 if path.endswith("nowhere") else 200)

    assert shown.addresses
    assert [one for one in shown.addresses if not one.startswith(("/console/", "#"))] == []
    for name in (one for one in shown.addresses if one.startswith("/console/static/")):
        assert "immutable" in staff.get(name).headers["cache-control"]
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert all(part.endswith(("'self'", "'none'")) for part in policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "private, no-store"
    assert "access-control-allow-origin" not in staff.get(path, headers={"Origin": "https://evil.example"}).headers


def test_the_cookie_is_the_consoles_alone(told: HttpSystem) -> None:
    """No script reads it, no other path and no other site's request has it, and over HTTPS it stays there."""
    with browser(told) as client:
        plain = client.post(LOGIN, data={"token": secret("staff")}, follow_redirects=False)
        secure = client.post(
            LOGIN, data={"token": secret("staff")}, headers={"X-Forwarded-Proto": "https"}, follow_redirects=False
        )

    cookie = plain.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/console" in cookie
    assert "max-age=28800" in cookie
    assert "secure" not in cookie
    assert "secure" in secure.headers["set-cookie"].lower()
    assert secret("staff") not in plain.headers["set-cookie"]


def test_forms_of_others_are_refused(told: HttpSystem) -> None:
    """Without the page's token, with another session's, or from another site; and whoever leaves is out."""
    with logged_in(told) as client, logged_in(told) as other:
        foreign = page(other.get("/console/")).fields["csrf"]
        own = page(client.get("/console/")).fields["csrf"]
        for data in ({}, {"csrf": ""}, {"csrf": foreign}):
            page(client.post("/console/logout", data=data), 403)
        page(client.post("/console/logout", data={"csrf": own}, headers={"Sec-Fetch-Site": "cross-site"}), 403)
        page(client.post(LOGIN, data={"token": secret("staff")}, headers={"Origin": "https://evil.example"}), 403)
        page(client.post("/console/logout", json={"csrf": own}), 403)
        assert page(client.get("/console/stuck")).title.startswith("Stuck now")
        assert page(client.post("/console/logout", data={"csrf": own})).title.startswith("Log in")
        assert page(client.get("/console/stuck")).title.startswith("Log in")
        assert page(other.get("/console/stuck")).title.startswith("Stuck now")


def test_a_token_that_is_revoked_or_expires_sees_nothing_more(told: HttpSystem) -> None:
    """Its open sessions end within moments, and say so; a page that refreshes itself is told plainly."""
    for who in ("passing", "leaving"):
        asyncio.run(grant(told.settings, TOKENS["staff"], secret(who)))
    for who in ("passing", "leaving"):
        with browser(told) as client:

            def enter(client: httpx.Client = client, who: str = who) -> bool:
                return client.post(LOGIN, data={"token": secret(who)}).status_code == 200

            eventually(enter, 30, "the new token")
            assert page(client.get("/console/stuck")).title.startswith("Stuck now")
            if who == "leaving":
                asyncio.run(revoke_token(told.settings, secret(who)))
            else:
                # Not before: on a busy machine it would be over before anybody is in.
                soon = datetime.now(UTC) + timedelta(seconds=2)
                asyncio.run(grant(told.settings, replace(TOKENS["staff"], expires_at=soon), secret(who)))
            eventually(
                lambda: client.get("/console/stuck", headers={"X-Refresh": "1"}).status_code == 401,
                what="the end of the session",
            )
            shown = page(client.get("/console/stuck"))

        assert "You were logged out" in shown.text
        assert "Lovelace" not in shown.text


def test_a_link_logs_in_once(told: HttpSystem) -> None:
    """Who follows it second is asked for a token."""
    link = with_link("", offer_link(told.settings.spool, digest(secret("staff")), time.time()))
    with browser(told) as first, browser(told) as second:
        first.head(link)
        assert page(first.get(link)).title.startswith("Overview")
        shown = page(second.get(link))

    assert shown.title.startswith("Log in")
    assert "followed already" in shown.text


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "/console/\\evil.example", "/v1/x"])
def test_forms_lead_to_our_pages_only(told: HttpSystem, address: str) -> None:
    """Whatever the address says where to go afterwards."""
    with browser(told) as client:
        entered = client.post(LOGIN, data={"token": secret("staff"), "next": address}, follow_redirects=False)
        chosen = client.post("/console/view", data={"next": address}, follow_redirects=False)

    assert (entered.headers["location"], chosen.headers["location"]) == ("/console/", "/console/")


def test_addresses_of_any_letters_are_gone_back_to(told: HttpSystem) -> None:
    """A slug may have letters that no header has, and what is quoted already is not quoted again."""
    address = "/console/tutorials/one?slug=日本 José%2B"
    with browser(told) as client:
        entered = client.post(LOGIN, data={"token": secret("staff"), "next": address}, follow_redirects=False)
        chosen = client.post("/console/view", data={"next": address}, follow_redirects=False)

    quoted = "/console/tutorials/one?slug=%E6%97%A5%E6%9C%AC%20Jos%C3%A9%2B"
    assert (entered.headers["location"], chosen.headers["location"]) == (quoted, quoted)


def test_a_first_webhook_is_asked_for_where_nothing_came(told: HttpSystem) -> None:
    """An academy without any has a line to paste, and that line is taken."""
    asyncio.run(grant(told.settings, replace(TOKENS["staff"], academies={77: ("read_assignment",)}), secret("empty")))
    with browser(told) as client:
        eventually(lambda: client.post(LOGIN, data={"token": secret("empty")}).is_success, 30, "the new token")
        shown = page(client.get("/console/"))

    assert "Nothing has been received yet." in shown.text
    assert "curl -s 'http" in shown.text
    assert "academy=77" in shown.text


def test_the_stream_tells_that_something_is_new_and_of_nobody(told: HttpSystem, staff: httpx.Client) -> None:
    """Within moments of being stored a webhook is an event without a name or an id of a student."""
    body = {"user_id": MEMBER, "slug": "s", "package_slug": "everybodys", "event": "no-such-event"}
    with staff.stream("GET", "/console/live") as stream, told.client("ingest") as sender:
        lines = stream.iter_lines()
        while next(lines) != "event: watching":
            pass
        assert sender.post("/v1/assignment/me/telemetry", json=body).text == "ok"
        while next(lines) != "event: webhook":
            pass
        told_of = next(lines)

    assert told_of == 'data: {"status":"ERROR","verdict":"error"}'
    with browser(told) as nobody:
        assert nobody.get("/console/live", headers={"Accept": "text/event-stream"}).status_code == 401
