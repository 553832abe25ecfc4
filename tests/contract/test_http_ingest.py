"""Sending webhooks (docs/api.md, "Send telemetry")."""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http_system import secret
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ME = "/v1/assignment/me/telemetry"
BOTH = (ME, "/v1/learnpack/telemetry")
LIMIT = 5 << 20

_packages = itertools.count(1000)


@pytest.fixture
def package() -> int:
    """A package id that no other test uses, so that its filter shows only this test's rows."""
    return next(_packages)


def stored_with(system: HttpSystem, package: int) -> Sequence[Sequence[Any]]:
    """The bodies with this package id; the bare number may be part of another test's random ids."""
    return system.query(
        "SELECT payload FROM raw WHERE position(replaceAll(payload, ' ', ''), {member:String}) > 0",
        member=f'"package_id":{package}',
    )


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and slug of an error, which must have the documented shape."""
    body = answer.json()
    assert set(body) == {"detail", "slug", "status_code"}
    assert body["status_code"] == answer.status_code
    assert body["detail"]
    return answer.status_code, body["slug"]


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


@pytest.mark.parametrize("path", BOTH)
def test_nothing_in_body_and_parameters_is_refused(system: HttpSystem, path: str) -> None:
    """400 with the LMS's text, as text."""
    with system.client() as client:
        for content in (b"", b" \n "):
            answer = client.post(path, content=content, params={"token": "x", "academy": "1"})

            assert (answer.status_code, answer.text) == (400, "this request couldn't no be processed")
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
        assert metric in client.get("/metrics").text
    (row,) = system.settled(learnpack_package_id=package)

    assert row["payload"]["data"] == {"stdout": "\ufffd"}
    assert stored_with(system, package) == [(text + rest.decode(),)]


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        (b"{", None, (400, "invalid-json")),
        (b'{"a": 1}}', None, (400, "invalid-json")),
        (b"\xff\xfe{}", None, (400, "invalid-json")),
        (b"[]", None, (400, "invalid-body")),
        (b"null", None, (400, "invalid-body")),
        (b'"text"', None, (400, "invalid-body")),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", None, (400, "json-too-deep")),
        (b"[" * 1_000_000, None, (400, "invalid-json")),
        (b'{"a":' * 1_000_00, None, (400, "invalid-json")),
        (b"{}", "gzip", (400, "invalid-gzip")),
        (gzip.compress(b'{"a": 1}')[:-4], "gzip", (400, "invalid-gzip")),
        (gzip.compress(b'{"a": 1}') + b"x", "gzip", (400, "invalid-gzip")),
        (zlib.compress(b"{}"), "deflate", (415, "unsupported-content-encoding")),
        (b"{}", "br", (415, "unsupported-content-encoding")),
        (gzip.compress(gzip.compress(b"{}")), "gzip, gzip", (415, "unsupported-content-encoding")),
        (gzip.compress(gzip.compress(b"{}")), "gzip", (400, "invalid-json")),
        (b" " * LIMIT + b"x", None, (413, "body-too-large")),
        (gzip.compress(b" " * (LIMIT + 1)), "gzip", (413, "body-too-large")),
        (gzip.compress(b"\0" * (100 << 20)), "gzip", (413, "body-too-large")),
    ],
)
@pytest.mark.parametrize("path", BOTH)
def test_what_is_no_webhook_is_refused(
    system: HttpSystem, path: str, content: bytes, encoding: str | None, expected: tuple[int, str]
) -> None:
    """Bad JSON, wrong shapes, bombs and unknown encodings get a reason, and the next request is served."""
    with system.client() as client:
        answer = client.post(path, content=content, headers={"Content-Encoding": encoding} if encoding else {})

        assert refused(answer) == expected
        assert client.post(path, content=b'{"slug": "s"}').text == "ok"


def test_what_is_just_within_the_limits_is_accepted(system: HttpSystem) -> None:
    """64 levels, a body of exactly the limit (plain, gzip, chunked), many keys and long numbers pass."""
    deep = b'{"a":' + b"[" * 63 + b"]" * 63 + b"}"
    large = b'{"slug":"s","x":"' + b"y" * (LIMIT - 19) + b'"}'
    wide = json.dumps({f"k{number}": number for number in range(100_000)}).encode()
    long = b'{"slug": "s", "user_id": ' + b"9" * 300 + b"}"
    with system.client() as client:
        for content in (deep, large, wide, long):
            assert client.post(ME, content=content).text == "ok"
        assert len(large) == LIMIT
        assert client.post(ME, content=gzip.compress(large), headers={"Content-Encoding": "gzip"}).text == "ok"
        assert client.post(ME, content=iter([large[:1000], large[1000:]])).text == "ok"


def test_the_limit_is_named(system: HttpSystem) -> None:
    """413 says how large a body may be, for chunked bodies as well."""
    with system.client() as client:
        for content in (b"x" * (LIMIT + 1), iter([b"x" * LIMIT, b"x"])):
            answer = client.post(ME, content=content)

            assert refused(answer) == (413, "body-too-large")
            assert str(LIMIT) in answer.json()["detail"]


def test_a_too_long_query_is_refused(system: HttpSystem) -> None:
    """Query parameters travel as a header, so they are bounded."""
    with system.client() as client:
        assert refused(client.post(ME, params={"a": "x" * 9000}, json={})) == (414, "query-too-long")


@pytest.mark.parametrize("value", [b"\xff", b"a\x01b", b"x" * 256])
def test_a_strange_idempotency_key_is_refused(system: HttpSystem, value: bytes) -> None:
    """What goes into a Kafka header is printable and short."""
    with system.client() as client:
        answer = client.post(ME, json={"slug": "s"}, headers=[(b"Idempotency-Key", value)])

    assert answer.status_code == 400


def test_an_idempotency_key_counts_once(system: HttpSystem, package: int) -> None:
    """The same key makes a second webhook a repetition, whatever else it says."""
    with system.client(**{"Idempotency-Key": f"key-{package}"}) as client:
        for slug in ("one", "two"):
            body = {"event": "open_step", "slug": slug, "package_slug": "everybodys", "package_id": package}
            client.post(ME, json={**body, "user_id": 123})
    rows = system.settled(2, learnpack_package_id=package)

    assert [row["status"] for row in rows] == ["IGNORED", "DONE"]
    assert rows[0]["status_text"] == f"Ignored because it repeats webhook {rows[1]['id']}."


def test_a_batch_is_read_back(system: HttpSystem) -> None:
    """What the IDE posts to either address it gets back, with steps only if it asks."""
    document = {
        "telemetry_id": "ide-1",
        "user_id": 456,
        "slug": "introduccion-a-arrays",
        "tutorial_started_at": 1734600000000,
        "last_interaction_at": 1734603600000,
        "steps": [{"slug": "00", "position": 0, "opened_at": 1734600000000}],
        "workout_session": [],
    }
    with system.client() as client:
        assert client.post("/v1/learnpack/telemetry", json=document, params={"asset_id": "302"}).text == "ok"
        params = {"user_ids": "456", "package_slug": "introduccion-a-arrays", "include_buffer": "true"}

        def results(**more: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = client.get("/v1/learnpack/telemetry", params={**params, **more}).json()[
                "results"
            ]
            return found

        system.settled(student=456, event="batch")
        whole = eventually(lambda: results(include_steps="true"))

        assert whole == [{**document, "asset_id": "302"}]
        assert results() == [{name: value for name, value in whole[0].items() if name != "steps"}]


def test_a_tutorial_is_read_back_by_any_of_its_names(system: HttpSystem) -> None:
    """The IDE reads by its own slug what it posted with an asset id, and its second post is of the same tutorial."""
    document = {
        "telemetry_id": "ide-3",
        "user_id": 123,
        "slug": "everybodys-exercises-of-the-ide",
        "package_slug": "everybodys-package",
        "package_id": 7700,
        "agent": "cloud",
        "tutorial_started_at": 1734600000000,
        "last_interaction_at": 1734603600000,
        "steps": [{"slug": "00", "position": 0, "opened_at": 1734600000000}],
        "workout_session": [],
    }
    with system.client("other-student", None) as client:

        def read(**params: str) -> list[str]:
            answer = client.get("/v1/learnpack/telemetry", params={"include_steps": "true", **params})
            found: list[dict[str, Any]] = answer.json()["results"]
            return [one["slug"] for one in found if one["telemetry_id"] == "ide-3" and one["steps"]]

        assert client.post(ME, json=document, params={"asset_id": "400"}).text == "ok"
        assert client.post("/v1/learnpack/telemetry", json=document).text == "ok"
        rows = system.settled(2, learnpack_package_id=7700)
        eventually(lambda: read(package_slug="everybodys"))
        names = ("everybodys", "everybodys-exercises-of-the-ide", "everybodys-package")

        assert {row["status"] for row in rows} == {"DONE"}
        assert [read(package_slug=name) for name in names] == [[document["slug"]]] * len(names)
        assert read(package_id="7700") == [document["slug"]]
        assert read(package_id="7701") == read(package_slug="7700") == []


def test_streamed_events_are_read_back_with_the_batch(system: HttpSystem) -> None:
    """A compilation that came after the batch is in the document that is read."""
    document = {
        "telemetry_id": "ide-2",
        "user_id": 123,
        "slug": "everybodys",
        "tutorial_started_at": 1734600000000,
        "last_interaction_at": 1734600000000,
        "steps": [{"slug": "00", "position": 0, "opened_at": 1734600000000}],
        "workout_session": [],
    }
    event = {
        "telemetry_id": "ide-2",
        "user_id": 123,
        "slug": "00",
        "step_position": 0,
        "event": "compile",
        "data": {"starting_at": 1734600100000, "ended_at": 1734600101000, "exit_code": 0},
    }
    with system.client("other-student", None) as client:
        assert client.post(ME, json=document).text == "ok"
        assert client.post(ME, json=event).text == "ok"

        def compilations() -> list[Any]:
            answer = client.get(
                "/v1/learnpack/telemetry", params={"package_slug": "everybodys", "include_steps": "true"}
            )
            (read,) = answer.json()["results"]
            return read["steps"][0].get("compilations") or []

        (compilation,) = eventually(compilations)

    assert compilation["started_at"] == 1734600100000
    assert compilation["exit_code"] == 0


def test_a_document_of_nobody_is_an_empty_list(system: HttpSystem) -> None:
    """The IDE starts afresh where there is nothing."""
    with system.client() as client:
        answer = client.get("/v1/learnpack/telemetry", params={"user_ids": "1234", "package_slug": "nothing"})

    assert answer.json() == {"results": []}


def test_only_the_own_documents_can_be_read_without_a_capability(system: HttpSystem) -> None:
    """A student reads the own; a teacher those of the academy's members; an ingest key none."""

    def read(token: str, user: int | None) -> tuple[int, str]:
        with system.client(token, None) as client:
            params = {} if user is None else {"user_ids": str(user)}
            answer = client.get("/v1/learnpack/telemetry", params=params)
        return answer.status_code, answer.json().get("slug", "")

    assert read("student", None) == (200, "")
    assert read("student", 1234) == (200, "")
    assert read("student", 123) == (403, "missing-capability")
    assert read("reader", 123) == (200, "")
    assert read("reader", 900) == (403, "missing-capability")
    assert read("foreign", 900) == (200, "")
    assert read("foreign", 123) == (403, "missing-capability")
    assert read("ingest", 123) == (403, "missing-capability")
    assert read("ingest", None) == (403, "missing-capability")


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
