"""Ignore rules over HTTP (docs/api.md, "What to ignore")."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from operations.tokens import digest
from schemas.vocabulary import ignored_by_rule
from tests.support.http_directory import secret
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

RULES = "/v1/assignment/academy/learnpack/telemetry-webhook-ignore"
HISTORY = "/v1/telemetry/academy/rules/history"
ME = "/v1/assignment/me/telemetry"

_packages = itertools.count(9000)


@pytest.fixture(autouse=True)
def _no_rules_left(system: HttpSystem) -> Iterator[None]:
    """Other tests run without rules."""
    yield
    with system.client() as client:
        assert client.put(RULES, json={}).json() == {}


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (
            {"rules": [{"events": ["batch"], "learnpack_package_ids": [13190]}, {"user_ids": [123]}]},
            {"rules": [{"learnpack_package_ids": [13190], "events": ["batch"]}, {"user_ids": [123]}]},
        ),
        (
            {
                "user_ids": [999001],
                "learnpack_package_ids": [456],
                "package_slugs": ["my-pack"],
                "asset_ids": [789],
                "events": ["x"],
            },
            {
                "user_ids": [999001],
                "learnpack_package_ids": [456],
                "package_slugs": ["my-pack"],
                "asset_ids": [789],
                "events": ["x"],
            },
        ),
        ({"rules": [{}, {"events": None, "other": 1}], "user_ids": None, "x": []}, {"rules": []}),
        ({"user_ids": [True, "1", None, {}]}, {"user_ids": [True, "1", None, {}]}),
        (None, {}),
        ({}, {}),
    ],
)
def test_what_is_put_is_cleaned_stored_and_got(system: HttpSystem, body: Any, stored: Any) -> None:
    """PUT answers what it stored, and the next GET gives the same."""
    with system.client() as client:
        put = client.put(RULES, json=body)

        assert (put.status_code, put.json()) == (200, stored)
        assert client.get(RULES).json() == stored


@pytest.mark.parametrize(
    ("body", "slug", "text"),
    [
        ([], "body", None),
        ("x", "body", None),
        (3, "body", None),
        ({"rules": {}}, "field", "`rules` must be a list"),
        ({"rules": [{}, {}, 5]}, "field", "`rules[2]` must be an object"),
        ({"events": "batch"}, "field", "`events` must be a list"),
        ({"rules": [{"events": "batch"}]}, "field", "`events` must be a list"),
    ],
)
def test_what_are_no_rules_is_refused(system: HttpSystem, body: Any, slug: str, text: str | None) -> None:
    """400 with the documented slug and text; the rules in force stay."""
    with system.client() as client:
        client.put(RULES, json={"user_ids": [999001]})
        answer = client.put(RULES, json=body)

        assert (answer.status_code, answer.json()["slug"]) == (400, f"invalid-telemetry-webhook-ignore-{slug}")
        assert text is None or answer.json()["detail"] == text
        assert client.get(RULES).json() == {"user_ids": [999001]}


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            (
                '299 - "`rules[0].event` is no field of ignore rules and is left out; its rule matches more without it'
                '; did you mean `events`?", 299 - "`user_ids[0]` is \\"ada\\", which is no id and matches nothing."'
            ),
        ),
        (
            "es",
            (
                '299 - "`rules[0].event` no es un campo de las reglas y se omite; sin él su regla coincide con más; '
                '¿quiso decir `events`?", 299 - "`user_ids[0]` es \\"ada\\", que no es un id."'
            ),
        ),
    ],
)
def test_what_is_probably_not_meant_comes_with_a_warning(system: HttpSystem, language: str, expected: str) -> None:
    """The answer is as ever; a header says what was left out, in the caller's language, and none says nothing."""
    with system.client() as client:
        sent = {"rules": [{"user_ids": [999001], "event": ["test"]}], "user_ids": ["ada"]}
        answer = client.put(RULES, json=sent, headers={"Accept-Language": language})
        clear = client.put(RULES, json={"rules": [{"user_ids": [999001]}]})

    assert (answer.status_code, answer.json()) == (200, {"rules": [{"user_ids": [999001]}], "user_ids": ["ada"]})
    assert answer.headers["Warning"] == expected
    assert "Warning" not in clear.headers


def test_many_doubts_are_a_header_of_bounded_size(system: HttpSystem) -> None:
    """However much is wrong, and whatever it is written in, the header is at most a few kilobytes of Latin-1."""
    with system.client() as client:
        answer = client.put(RULES, json={f"{number}\n李😀" * 50: [] for number in range(1_000)})

    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["Warning"].count("299 - ") == 8
    assert len(answer.headers["Warning"]) < 4_000


def test_rules_that_were_changed_meanwhile_stay(system: HttpSystem) -> None:
    """Whoever names the rules that his are to replace is refused where others are in force, and told which."""
    with system.client() as client:
        seen = client.get(RULES).headers["ETag"]
        first = client.put(RULES, json={"user_ids": [999001]}, headers={"If-Match": seen})
        late = client.put(RULES, json={"user_ids": [999002]}, headers={"If-Match": seen})
        odd = [client.put(RULES, json={}, headers={"If-Match": tag}).status_code for tag in ('"x"', "x", "", seen * 2)]
        kept = client.get(RULES)
        weak = client.put(RULES, json={"user_ids": [999003]}, headers={"If-Match": f"W/{first.headers['ETag']}"})
        any_ = client.put(RULES, json={"user_ids": [999004]}, headers={"If-Match": "*"})

    assert (first.status_code, first.json()) == (200, {"user_ids": [999001]})
    assert (late.status_code, late.json()["slug"]) == (412, "rules-changed")
    assert late.headers["ETag"] == first.headers["ETag"] == kept.headers["ETag"] != seen
    assert odd == [412] * 4
    assert kept.json() == {"user_ids": [999001]}
    assert (weak.status_code, any_.status_code) == (200, 200)


def test_of_those_who_save_at_once_one_does(system: HttpSystem) -> None:
    """However many requests have seen the same rules: the others hear of it."""
    with system.client() as client, ThreadPoolExecutor(4) as pool:
        seen = client.get(RULES).headers["ETag"]

        def put(user: int) -> int:
            return client.put(RULES, json={"user_ids": [user]}, headers={"If-Match": seen}).status_code

        statuses = list(pool.map(put, range(999_001, 999_005)))
        in_force = client.get(RULES).json()

    assert sorted(statuses) == [200, 412, 412, 412]
    assert in_force == {"user_ids": [999_001 + statuses.index(200)]}


def test_bad_json_is_refused(system: HttpSystem) -> None:
    """400 before anything is checked."""
    with system.client() as client:
        answer = client.put(RULES, content=b"{")

    assert (answer.status_code, answer.json()["slug"]) == (400, "invalid-json")


def test_a_rule_is_in_force_for_the_next_webhooks(system: HttpSystem) -> None:
    """Within two seconds of the answer a matching webhook is ignored, with the text that names the rule."""
    package = next(_packages)
    with system.client() as client:
        client.put(RULES, json={"rules": [{"learnpack_package_ids": [package], "events": ["open_step"]}]})
        text = ignored_by_rule(["learnpack_package_ids", "events"])

        def ignored() -> bool:
            body = {"event": "open_step", "slug": "s", "package_slug": "everybodys", "package_id": package}
            client.post(ME, json={**body, "user_id": 123})
            return any(row["status_text"] == text for row in system.settled(learnpack_package_id=package))

        eventually(ignored, what="a webhook that is ignored")


def test_rules_are_an_academys_own(system: HttpSystem) -> None:
    """Another academy neither sees nor changes them."""
    with system.client() as client, system.client("foreign", 2) as foreign:
        client.put(RULES, json={"user_ids": [999001]})

        assert foreign.get(RULES).json() == {}
        assert foreign.put(RULES, json={}).status_code == 200
        assert client.get(RULES).json() == {"user_ids": [999001]}


def test_a_reader_may_read_and_not_write(system: HttpSystem) -> None:
    """GET needs read_assignment, PUT crud_telemetry."""
    with system.client("reader") as client:
        put = client.put(RULES, json={})

        assert client.get(RULES).status_code == 200
    assert put.status_code == 403
    assert "crud_telemetry" in put.json()["detail"]


def test_rules_are_tried_on_what_was_received(system: HttpSystem, package: int) -> None:
    """How many they would have ignored, by which rule, with what is probably not meant; nothing is in force by it."""
    draft = {"rules": [{"learnpack_package_ids": [package]}, {"usr_ids": [1]}]}
    with system.client() as client:
        for step in ("00", "01"):
            body = {"event": "open_step", "user_id": 123, "package_id": package, "slug": step}
            assert client.post(ME, json=body).text == "ok"
        system.settled(2, learnpack_package_id=str(package))
        tried = client.post("/v1/telemetry/academy/rules/test?since=1h", json=draft).json()
        refused = client.post("/v1/telemetry/academy/rules/test", json={"rules": [{}, {"events": "test"}]})
        in_force = client.get(RULES).json()

    assert (tried["ignored"], tried["ignored_students"]) == (2, 1)
    assert tried["rules"] == {ignored_by_rule(("learnpack_package_ids",)): 2}
    assert sum(tried["before"].values()) == 2
    assert [(one["student"]["id"], one["event"], one["rule"]) for one in tried["examples"]] == [
        (123, "open_step", ignored_by_rule(("learnpack_package_ids",)))
    ] * 2
    assert tried["webhooks"] >= 2
    assert any("usr_ids" in warning for warning in tried["warnings"])
    assert refused.json()["slug"] == "invalid-telemetry-webhook-ignore-field"
    assert refused.json()["detail"] == "`rules[1].events` must be a list"
    assert in_force == {}


def test_who_changed_rules_is_told_to_the_academys_staff(system: HttpSystem) -> None:
    """Each change with who made it, from what to what, the newest first and in pages; no other academy's."""
    with system.client() as client, system.client("reader") as reader, system.client("foreign", 2) as foreign:
        count = client.get(HISTORY).json()["count"]
        client.put(RULES, json={"user_ids": [999001]})
        foreign.put(RULES, json={"user_ids": [999002]})
        client.put(RULES, json={})
        told = reader.get(HISTORY, params={"limit": 2}).json()
        older = reader.get(HISTORY, params={"limit": 1, "offset": 1}).json()
        others = foreign.get(HISTORY, params={"limit": 1}).json()["results"]

    assert told["count"] == count + 2
    changes = [(one["before"], one["after"]) for one in told["results"]]
    assert changes == [({"user_ids": [999001]}, {}), ({}, {"user_ids": [999001]})]
    assert older["results"] == told["results"][1:]
    who = told["results"][0]["who"]
    token = digest(secret("staff"))[:16]
    assert who == {
        "via": "api",
        "user": {"id": 1, "first_name": None, "last_name": None},
        "token": token,
        "name": None,
    }
    assert [one["after"] for one in others] == [{"user_ids": [999002]}]
