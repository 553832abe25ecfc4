"""Who may do what: every route, without and with each kind of token."""

from __future__ import annotations

import asyncio
import contextlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from gateway.ingest.capture import CAPTURE_ROUTES
from operations.tokens import CAPABILITIES, NewToken, grant, revoke_token
from tests.support.http_directory import TOKENS, secret
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually, seconds_until

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ME = "/v1/assignment/me/telemetry"
LOG = "/v1/assignment/academy/learnpack/webhook"
EVENT = b'{"event": "ran", "distinct_id": "a"}'
OPEN = re.compile(r"/health/.*|/metrics")
VALUES = {
    "{webhook_id}": "1",
    "{asset_slug}": "a",
    "{user_id}": "1",
    "{task_id}": "1",
    "{action}": "x",
    "{kind}": "users",
    "{record_id}": "x",
}


def routes(system: HttpSystem) -> list[tuple[str, str]]:
    """Method and path of every route that the gateway documents, but those that are open to all."""
    with system.client(None, None) as client:
        paths = client.get("/openapi.json").json()["paths"]
    found: list[tuple[str, str]] = []
    for path, methods in paths.items():
        if OPEN.fullmatch(path):
            continue
        for name, value in VALUES.items():
            path = path.replace(name, value)  # noqa: PLW2901 - the same path, filled in
        found.extend((method.upper(), path) for method in methods)
    return found


def answers(system: HttpSystem, who: str | None, academy: int | str | None) -> dict[tuple[str, str], tuple[int, str]]:
    """Status and slug of every route for a caller."""
    with system.client(who, academy) as client:
        found = {}
        for method, path in routes(system):
            # A notebook's key is in its body, which has to be read first.
            answer = client.request(method, path, content=EVENT if path in CAPTURE_ROUTES else b"{" * 3)
            body = answer.json()
            found[method, path] = (answer.status_code, body.get("slug", ""))
    return found


def test_every_route_needs_a_token(system: HttpSystem) -> None:
    """401 without one, whatever else is wrong with the request."""
    assert set(answers(system, None, 1).values()) == {(401, "authentication-required")}
    assert len(routes(system)) >= 13


@pytest.mark.parametrize(
    ("headers", "params", "says"),
    [
        ({"Authorization": secret("staff")}, {}, "must be `Token <token>` or `Bearer <token>`"),
        ({}, {"token": "INGEST_KEY"}, "INGEST_KEY stands for a key and is none: put one in its place"),
        ({"Authorization": "Token TOKEN"}, {}, "TOKEN stands for a key"),
        ({"Authorization": "Token wrong"}, {}, "The token is not valid: it is unknown, expired or revoked."),
    ],
)
@pytest.mark.parametrize("path", ["/v1/assignment/me/telemetry", "/v1/learnpack/telemetry", "/batch/"])
def test_a_refused_token_says_what_is_wrong_with_it(
    system: HttpSystem, path: str, headers: dict[str, str], params: dict[str, str], says: str
) -> None:
    """A placeholder that was left in a URL and a header without a scheme are named; the slug is the same."""
    answer = httpx.post(
        f"{system.url}{path}", json={"event": "open_step"}, headers=headers, params=params, timeout=30, verify=PLAIN
    )

    assert (answer.status_code, answer.json()["slug"]) == (401, "invalid-token")
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/assignment/me/telemetry/"),
        ("POST", "/v1/learnpack/telemetry/"),
        ("GET", "/v1/learnpack/telemetry//"),
        ("GET", "/v1/assignment/academy/learnpack/webhook/"),
        ("GET", "/v1/registry/academy/asset/lists/"),
        ("POST", "//v1/assignment/me/telemetry"),
        ("GET", "/v1//learnpack/telemetry"),
        ("POST", "//batch//"),
    ],
)
def test_a_slash_too_many_is_named(system: HttpSystem, method: str, path: str) -> None:
    """404 with the address without it; where nothing is without it either, there is nothing to name."""
    with system.client() as client:
        answer = client.request(method, f"{system.url}{path}")
        nothing = client.request(method, f"{system.url}//nothing/")

    assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")
    assert answer.json()["detail"].endswith(
        f"leave out the slash that is too much: {path.replace('//', '/').rstrip('/')}"
    )
    assert nothing.json()["detail"] == "There is nothing at this address."


@pytest.mark.parametrize(
    "authorization",
    ["Token wrong", "Bearer wrong", "Basic YTpi", "Token", "wrong", "Token a b", f"Token {secret('expired')}"],
)
def test_a_bad_token_is_refused_everywhere(system: HttpSystem, authorization: str) -> None:
    """401 for an unknown, expired or malformed one."""
    with httpx.Client(
        base_url=system.url, headers={"Authorization": authorization, "Academy": "1"}, timeout=30, verify=PLAIN
    ) as client:
        for method, path in routes(system):
            answer = client.request(method, path)

            assert (answer.status_code, answer.json()["slug"]) == (401, "invalid-token"), (method, path)
            assert answer.headers["www-authenticate"] == "Token"


def test_academy_paths_need_an_academy(system: HttpSystem) -> None:
    """403 `missing-academy` without one, 400 `invalid-academy-id` if it is not digits."""
    missing, wrong = answers(system, "staff", None), answers(system, "staff", "x")
    under = [route for route in missing if "/academy/" in route[1]]

    assert len(under) >= 9
    assert {missing[route] for route in under} == {(403, "missing-academy")}
    assert {wrong[route] for route in under} == {(400, "invalid-academy-id")}


@pytest.mark.parametrize(("who", "academy"), [("staff", 2), ("foreign", 1), ("student", 1), ("ingest", 1)])
def test_a_capability_counts_in_its_academy_only(system: HttpSystem, who: str, academy: int) -> None:
    """403 `missing-capability` on every staff route for those who lack it there, ingest keys above all."""
    found = answers(system, who, academy)

    assert {found[route] for route in found if "/academy/" in route[1]} == {(403, "missing-capability")}


def test_the_refusal_names_capability_and_academy(system: HttpSystem) -> None:
    """So that an admin knows what to grant."""
    with system.client("staff", 2) as client:
        answer = client.get(LOG)

    assert "read_assignment" in answer.json()["detail"]
    assert "academy 2" in answer.json()["detail"]


def test_errors_speak_spanish_to_those_who_ask(system: HttpSystem) -> None:
    """The text follows `Accept-Language`, slug and status stay."""
    with system.client("staff", None, **{"Accept-Language": "es-ES,es;q=0.9,en;q=0.5"}) as client:
        answers_ = [client.get(LOG), client.post(ME, content=b"{"), client.get("/nothing")]

    assert [answer.json()["slug"] for answer in answers_] == ["missing-academy", "invalid-json", "not-found"]
    assert [answer.json()["detail"][:8] for answer in answers_] == ["Falta la", "El cuerp", "No hay n"]


@pytest.mark.parametrize(
    ("who", "academy", "status"),
    [
        ("staff", 1, 200),
        ("staff", None, 200),
        ("student", None, 200),
        ("student", 1, 200),
        ("student", 2, 200),
        ("ingest", None, 200),
        ("ingest", 1, 200),
        ("ingest", 2, 403),
        ("reader", 1, 403),
        ("reader", None, 403),
        ("expired", 1, 401),
    ],
)
def test_who_may_upload(system: HttpSystem, who: str, academy: int | None, status: int) -> None:
    """Personal tokens may by default; an ingest key in its academy; who has other capabilities only, not."""
    with system.client(who, academy) as client:
        answer = client.post(ME, json={"slug": "s"})

    assert answer.status_code == status
    assert status != 403 or answer.json()["slug"] == "missing-capability"


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN", "Bearer", "bearer"])
def test_a_token_comes_in_a_header_or_in_the_url(system: HttpSystem, scheme: str) -> None:
    """`Token`, `Bearer` and `?token=` are the same; the header comes first."""
    with httpx.Client(base_url=system.url, params={"academy": "1"}, timeout=30, verify=PLAIN) as client:
        by_header = client.get(LOG, headers={"Authorization": f"{scheme} {secret('staff')}"})
        by_url = client.get(LOG, params={"token": secret("staff")})
        both = client.get(LOG, params={"token": secret("staff")}, headers={"Authorization": f"{scheme} wrong"})

    assert (by_header.status_code, by_url.status_code, both.status_code) == (200, 200, 401)


def test_tokens_come_into_force_and_end_within_two_seconds(system: HttpSystem) -> None:
    """A new token works and a revoked one does not, without a restart; a pause of the machine is nobody's fault."""
    token = NewToken(77, {1: CAPABILITIES}, datetime(2026, 1, 1, tzinfo=UTC))

    def in_time() -> bool:
        made = asyncio.run(grant(system.settings, token))
        headers = {"Authorization": f"Token {made}", "Academy": "1"}
        with httpx.Client(base_url=system.url, headers=headers, timeout=30, verify=PLAIN) as client:
            begins = seconds_until(lambda: client.get(LOG).status_code == 200, "the token in force")
            asyncio.run(revoke_token(system.settings, made))
            ends = seconds_until(lambda: client.get(LOG).status_code == 401, "the token revoked")
        return max(begins, ends) <= 2

    eventually(in_time, what="a token that begins and ends within two seconds")


def test_one_token_cannot_send_without_end(system: HttpSystem) -> None:
    """429 with Retry-After and the limit, for this token only."""
    with system.another_gateway(TELEMETRY_RATE_LIMIT="5") as limited:
        with limited.client("student") as client:
            statuses = [client.post(ME, json={"slug": "s"}).status_code for _ in range(6)]
            refused = client.post(ME, json={"slug": "s"})
        with limited.client("ingest") as client:
            other = client.post(ME, json={"slug": "s"})

    assert statuses == [200] * 5 + [429]
    assert refused.json()["slug"] == "too-many-requests"
    assert "5 requests a minute" in refused.json()["detail"]
    assert 0 < int(refused.headers["retry-after"]) <= 12
    assert other.status_code == 200


def test_an_open_gateway_takes_webhooks_from_anybody(system: HttpSystem) -> None:
    """With AUTH=open uploads need no token, and reading still does."""
    with (
        system.another_gateway(TELEMETRY_AUTH="open", TELEMETRY_DIRECTORY="open") as gateway,
        gateway.client(None, None) as client,
    ):
        assert client.post(ME, json={"slug": "s"}).text == "ok"
        assert client.post(ME, json={"slug": "s"}, params={"token": "unknown"}).text == "ok"
        assert client.get("/v1/learnpack/telemetry", params={"user_ids": "1"}).status_code == 401
        assert client.get(LOG).status_code == 401


def found(answer: httpx.Response) -> dict[str, Any]:
    """What an answer holds, nothing if it is an error."""
    body: dict[str, Any] = answer.json()
    return body if answer.is_success else {}


def test_an_open_directory_knows_everybody(system: HttpSystem) -> None:
    """Students and tutorials that no directory names exist all the same."""
    with system.another_gateway(TELEMETRY_DIRECTORY="open") as gateway, gateway.client() as client:
        client.post("/v1/assignment/academy/asset/open-one/user/123/telemetry", json={"completion_rate": 5})
        read = client.get("/v1/learnpack/telemetry", params={"user_ids": "31337"})
        asset = eventually(lambda: found(client.get("/v1/registry/academy/asset/open-one")))
        missing = client.get("/v1/registry/academy/asset/nothing-at-all")

    assert read.json() == {"results": []}
    assert asset["slug"] == "open-one"
    assert asset["telemetry_stats"]["days"]
    assert missing.status_code == 404


def test_no_token_appears_anywhere(system: HttpSystem) -> None:
    """Not in an answer, a log, a metric, the topics' copy or ClickHouse, whatever was done with it."""
    canary = secret("staff").partition("-")[2]
    with system.client(None, None) as client:
        for path in (ME, LOG, "/v1/learnpack/telemetry", "/nothing", "/v1/assignment/task/1"):
            for method in ("GET", "POST", "PUT", "DELETE"):
                params = {"token": secret("staff"), "academy": "1", "limit": "1"}
                answer = client.request(method, path, params=params, content=b'{"slug": "s", "n": 77}')

                assert canary not in answer.text, (method, path)
                assert canary not in str(answer.headers), (method, path)
        # Two routes have taken the body: what does not appear must have had the time to.
        taken = """SELECT count() FROM raw WHERE position(payload, '"n": 77') > 0"""
        eventually(lambda: system.query(taken) == [(2,)], what="both webhooks in the topics' copy")
        metrics = client.get("/metrics").text
    stored = system.query(
        "SELECT count() FROM raw WHERE position(payload, {c:String}) > 0 OR position(params, {c:String}) > 0", c=canary
    )

    assert canary not in metrics
    assert stored == [(0,)]
    for child in system.processes.children:
        assert canary not in child.output
    for file in system.directory.rglob("*"):
        # A part that works may have removed it by now.
        with contextlib.suppress(FileNotFoundError):
            if file.is_file() and file.stat().st_size < 10_000_000:
                assert canary.encode() not in file.read_bytes(), file
    assert all(secret(name).endswith(canary) for name in TOKENS)
