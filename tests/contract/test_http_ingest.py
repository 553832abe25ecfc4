"""Sending webhooks (docs/api.md, "Send telemetry")."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http_directory import secret
from tests.support.ingest import ME, stored_with
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system


def test_the_documented_request_is_accepted(system: HttpSystem) -> None:
    """The example of the documentation gives a plain `ok`."""
    body = {
        "event": "batch",
        "user_id": 1234,
        "asset_id": 987,
        "slug": "javascript-arrays-intro",
        "package_id": 555,
        "timestamp": "2026-04-15T10:30:00Z",
        "step": 14,
    }
    with system.client() as client:
        answer = client.post(ME, json=body)

    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.headers["content-type"].startswith("text/plain")


def test_parameters_alone_are_a_webhook(system: HttpSystem, package: int) -> None:
    """An empty body is fine where the query says something; token and academy do not become part of it."""
    with system.client(None, None) as client:
        params = {"event": "nope", "slug": "s", "user_id": "123", "package_id": str(package)}
        answer = client.post(ME, params={**params, "academy": "1", "token": secret("staff")})
    (row,) = system.settled(learnpack_package_id=package)

    assert answer.text == "ok"
    assert row["payload"] == params


def test_of_a_repeated_parameter_the_last_counts(system: HttpSystem, package: int) -> None:
    """BreatheCode writes one asset_id into the URL, the IDE appends its own."""
    with system.client() as client:
        url = f"{ME}?asset_id=318&asset_id=1,2"
        client.post(url, json={"event": "nope", "slug": "s", "user_id": 123, "package_id": package, "asset_id": 9})
    (row,) = system.settled(learnpack_package_id=package)

    assert row["payload"]["asset_id"] == "1,2"


def test_any_content_type_will_do(system: HttpSystem) -> None:
    """A browser's plain POST says `text/plain`, some say nothing, some say what is not true."""
    with system.client() as client:
        for kind in ("text/plain;charset=UTF-8", "application/json", "application/x-www-form-urlencoded", "x", ""):
            answer = client.post(ME, content=b'{"slug": "s"}', headers={"Content-Type": kind})

            assert answer.text == "ok"


def test_a_gzip_body_is_stored_as_it_was_before(system: HttpSystem, package: int) -> None:
    """What is stored is the decompressed body, byte for byte."""
    body = b'{ "event":"nope",  "slug":"s", "user_id":123, "package_id":%d, "x": 1.50 }' % package
    with system.client() as client:
        assert client.post(ME, content=gzip.compress(body), headers={"Content-Encoding": "gzip"}).text == "ok"
    system.settled(learnpack_package_id=package)

    assert stored_with(system, package) == [(body.decode(),)]


@pytest.mark.parametrize(
    ("beginning", "what", "text"),
    [
        (b'{"data": {"stdout": "\\ud83d"}, "x": NaN,', "surrogate", '{"data": {"stdout": "\\ud83d"}, "x": NaN,'),
        (b'\xef\xbb\xbf{"data": {"stdout": "\xf0\x9f\x98"},', "encoding", '{"data": {"stdout": "\ufffd"},'),
    ],
)
def test_what_is_nearly_json_is_taken(system: HttpSystem, package: int, beginning: bytes, what: str, text: str) -> None:
    """Half an emoji, a byte order mark and NaN cost no document; it is kept as it came, in UTF-8, and counted."""
    rest = b' "event": "nope", "slug": "s", "user_id": 123, "package_id": %d}' % package
    metric = f'telemetry_gateway_mended_total{{what="{what}"}}'
    with system.client() as client:
        assert client.post(ME, content=beginning + rest).text == "ok"
        eventually(lambda: metric in client.get("/metrics").text)
    (row,) = system.settled(learnpack_package_id=package)

    assert row["payload"]["data"] == {"stdout": "\ufffd"}
    assert stored_with(system, package) == [(text + rest.decode(),)]


def test_an_idempotency_key_counts_once(system: HttpSystem, package: int) -> None:
    """The same key makes a second webhook a repetition, whatever else it says."""
    with system.client(**{"Idempotency-Key": f"key-{package}"}) as client:
        for slug in ("one", "two"):
            body = {"event": "open_step", "slug": slug, "package_slug": "everybodys", "package_id": package}
            client.post(ME, json={**body, "user_id": 123})
    rows = system.settled(2, learnpack_package_id=package)

    assert [row["status"] for row in rows] == ["IGNORED", "DONE"]
    assert rows[0]["status_text"] == f"Ignored because it repeats webhook {rows[1]['id']}."


def test_a_page_of_another_origin_may_send(system: HttpSystem) -> None:
    """A preflight passes for the headers that the IDE sends, and the answer may be read."""
    origin = {"Origin": "https://learn.example"}
    asked = {
        **origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,academy",
    }
    with system.client(None, None) as client:
        preflight = client.options(ME, headers=asked)
        answer = client.post(ME, content=b'{"slug": "s"}', params={"token": secret("ingest")}, headers=origin)
        refusal = client.post(ME, content=b"{}", headers=origin)

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type", "academy"} <= {name.strip() for name in allowed.split(",")}
    assert answer.text == "ok"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert refusal.headers["access-control-allow-origin"] == "*"


def test_the_academy_is_the_requests_else_the_keys_else_the_documents(system: HttpSystem, package: int) -> None:
    """Header, parameter, the ingest key's own, the document's: the first that there is."""
    sent = {"event": "nope", "slug": "s", "package_id": package, "telemetry_id": "t"}
    with system.client(None, None) as client:

        def post(number: int, body: dict[str, Any], token: str, **headers: str) -> None:
            params = {"token": secret(token), "n": str(number)}
            params.update({"academy": headers.pop("parameter")} if "parameter" in headers else {})
            assert client.post(ME, json=body, params=params, headers=headers).text == "ok"

        post(1, {**sent, "academy_id": 73}, "student", Academy="71", parameter="72")
        post(2, {**sent, "academy_id": 73}, "student", parameter="72")
        post(3, {**sent, "academy_id": 73}, "ingest")
        post(4, {**sent, "academy_id": 73}, "student", Academy="")
        post(5, {**sent, "academy_id": "73"}, "student")
    query = (
        "SELECT JSONExtractString(params, 'n') AS n, academy_ids[1] FROM webhook_log "
        "WHERE learnpack_package_id = {package:UInt64} AND verdict != '' AND payload != '' ORDER BY n"
    )
    rows = eventually(lambda: [*found] if len(found := system.query(query, package=package)) == 5 else [])

    assert rows == [("1", 71), ("2", 72), ("3", 1), ("4", 73), ("5", 73)]


def test_a_token_may_not_report_for_another_student(system: HttpSystem, package: int) -> None:
    """A personal token that names somebody else is stored as an error; one with crud_telemetry may."""
    body = {"event": "open_step", "slug": "s", "package_slug": "everybodys", "package_id": package, "user_id": 123}
    with system.client("student") as client:
        client.post(ME, json=body)
    with system.client("staff") as client:
        client.post(ME, json=body)
    rows = system.settled(2, learnpack_package_id=package)

    assert sorted((row["status"], row["status_text"]) for row in rows) == [
        ("DONE", "OK"),
        ("ERROR", "Token of user 1234 cannot report for user 123"),
    ]
