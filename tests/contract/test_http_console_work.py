"""What the console changes: rules and dead letters, after it said what will be done."""

from __future__ import annotations

import re
import uuid
from html import unescape
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.support.console import logged_in, page
from tests.support.insights import MARKUP, MEMBER
from tests.support.operators import send
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

RULES: Final = "/v1/assignment/academy/learnpack/telemetry-webhook-ignore"
# Of the bundled documents.
STUDENT, TUTORIAL = 10022, "exercise-postcard"


def test_figures_of_the_overview_lead_to_their_webhooks(told: HttpSystem, staff: httpx.Client) -> None:
    """As many rows as the figure says, where a day has some that failed as well."""
    error = re.compile(r'<a href="(/console/webhooks[^"]*)">([0-9]+) webhooks? of today ended in an error<')
    log = "/v1/assignment/academy/learnpack/webhook"

    def as_the_log() -> dict[str, int]:
        """The figures of a page by the addresses that they lead to, once all are those of the log and of its page."""
        html = staff.get("/console/").text
        found = error.search(html)
        if found is None:
            return {}
        cells = re.findall(r'<a href="(/console/webhooks\?[^"]*)">([0-9,]+)</a></td>', html)
        counts = {unescape(address): int(count.replace(",", "")) for address, count in cells}
        asked = {one: client.get(log, params=dict(httpx.URL(one).params)).json()["count"] for one in counts}
        rows = page(staff.get(unescape(found[1]))).html.count("data-key=")
        return counts if asked == counts and rows == counts.get(unescape(found[1])) == int(found[2]) else {}

    with told.client() as client:
        lost = {"user_id": STUDENT, "slug": "x", "package_slug": TUTORIAL, "event": "lost-of-today", "data": {}}
        client.post("/v1/assignment/me/telemetry", json=lost).raise_for_status()
        told.settled(event="lost-of-today")
        # The figures are some seconds older than the log, which has that one.
        assert len(eventually(as_the_log, what="the figures of the log")) >= 2
        assert client.get(log, params={"day": "today"}).json()["slug"] == "invalid-filter"


def test_rows_of_the_log_name_tutorials_and_what_became_of_them(staff: httpx.Client) -> None:
    """The slug with the way to its page, and the verdict where there is no more to be said."""
    shown = page(staff.get("/console/webhooks", params={"student": STUDENT, "verdict": "stored"}))

    assert f"/console/tutorials/one?slug={TUTORIAL}" in shown.addresses
    assert f"{TUTORIAL} done stored" in shown.text


def test_rules_are_tried_before_they_are_saved(told: HttpSystem, staff: httpx.Client) -> None:
    """The figures are those of the API, what is saved is in force, and can be undone; what somebody changed is kept."""
    form = {"csrf": page(staff.get("/console/rules")).fields["csrf"], "since": "24h"}
    tried = page(staff.post("/console/rules/try", data={**form, "editor": "form", "0-user_ids": f"{STUDENT}, x"}))
    with told.client() as client:
        wanted = {"rules": [{"user_ids": [STUDENT, "x"]}]}
        trial = client.post("/v1/telemetry/academy/rules/test?since=24h", json=wanted).json()
        assert trial["ignored"] > 0
        assert f"would have ignored {trial['ignored']} of {trial['webhooks']} webhooks" in tried.text
        assert f"Ignores webhooks of the students {STUDENT}, x." in tried.text
        already = trial["before"].get("ignored", 0)
        assert f"Ignored already: {already} of them. New: {trial['ignored'] - already}." in tried.text
        assert "Rule 1 Ignored" in tried.text
        assert len(trial["examples"]) == min(3, trial["ignored"])
        assert {f"/console/webhooks/{one['id']}" for one in trial["examples"]} <= set(tried.addresses)
        assert trial["warnings"][0] in tried.text
        assert client.get(RULES).json() == {}
        saved = page(staff.post("/console/rules/save", data=tried.fields))
        assert client.get(RULES).json() == wanted
        assert "in force for what comes from now on" in saved.text
        page(staff.post("/console/rules/save", data=tried.fields), 409)
        undone = page(staff.post("/console/rules/save", data=saved.fields))
        assert client.get(RULES).json() == {}
        assert "No rules: everything is processed." in undone.text
        history = client.get("/v1/telemetry/academy/rules/history").json()
    shown = page(staff.get("/console/rules"))
    assert history["count"] == 2
    assert "2 in all" in shown.text
    assert shown.text.count("Student 1 · api") == 2
    assert not re.search(r"\{[a-z]+\}", shown.text)
    assert shown.text.count("Try those before") == 2


def test_a_draft_does_not_replace_rules_that_nobody_saw(told: HttpSystem, staff: httpx.Client) -> None:
    """A trial makes it no newer: saving says what it would change of what is in force now, and only then may do it."""
    old = page(staff.get("/console/rules")).fields
    with told.client() as client:
        others = {"rules": [{"user_ids": [999_001]}]}
        client.put(RULES, json=others)
        draft = {"csrf": old["csrf"], "mark": old["mark"], "since": "24h", "editor": "json"}
        tried = page(staff.post("/console/rules/try", data={**draft, "json": '{"user_ids": [999002]}'}))
        assert "Somebody has changed the rules since you loaded them" in tried.text
        assert tried.fields["mark"] == old["mark"]
        save = {"csrf": old["csrf"], "json": '{"user_ids": [999002]}'}
        refused = page(staff.post("/console/rules/save", data={**save, "mark": tried.fields["mark"]}), 409)
        assert "no more: Ignores webhooks of the students 999001." in refused.text
        assert "new: Ignores webhooks of the students 999002." in refused.text
        page(staff.post("/console/rules/save", data=save), 409)
        assert client.get(RULES).json() == others
        saved = page(staff.post("/console/rules/save", data={**save, "mark": refused.fields["mark"]}))
        assert client.get(RULES).json() == {"user_ids": [999_002]}
        assert "Undo" in saved.text
        client.put(RULES, json={})


def test_rules_that_a_form_cannot_show_are_edited_as_json(told: HttpSystem, staff: httpx.Client) -> None:
    """Else a rule would become a wider one by being looked at; and before they are saved nothing is."""
    with told.client() as client:
        client.put(RULES, json={"rules": [{"user_ids": [999_001], "events": []}]})
        shown = page(staff.get("/console/rules"))
        client.put(RULES, json={"rules": [{"user_ids": [999_001], "events": ["test"]}]})
        plain = page(staff.get("/console/rules"))
        back = page(staff.post("/console/rules/try", data={**plain.fields, "since": "24h"}))
        in_force = client.get(RULES).json()
        client.put(RULES, json={})

    assert "edit them as JSON" in shown.text
    assert "0-user_ids" not in shown.html
    assert "0-user_ids" in plain.html
    assert "new: Ignores webhooks" in back.text or "no more: Ignores webhooks" in back.text
    assert in_force == {"rules": [{"user_ids": [999_001], "events": ["test"]}]}


def test_rules_name_no_student_while_names_are_hidden(told: HttpSystem, staff: httpx.Client) -> None:
    """Not in sentences, not in the editor, not in what changed, and not in what forms carry."""
    with told.client() as client:
        client.put(RULES, json={"rules": [{"user_ids": [999_001], "events": ["test"]}]})
        with logged_in(told) as hiding:
            hiding.post("/console/view", data={"names": "hidden"})
            shown = page(hiding.get("/console/rules"))
            draft = {"csrf": shown.fields["csrf"], "editor": "json", "json": f'{{"user_ids": [{STUDENT}]}}'}
            tried = page(hiding.post("/console/rules/try", data=draft))
            lines = [
                page(hiding.get(path)).text
                for path in (
                    f"/console/students/{STUDENT}",
                    f"/console/webhooks?student={STUDENT}",
                    f"/console/webhooks?student={STUDENT}%2C+{STUDENT}",
                )
            ]
            again = page(hiding.get("/console/rules"))
        client.put(RULES, json={})

    assert all("STUDENT" in one and str(STUDENT) not in re.findall(r"\d+", one) for one in lines)
    assert "Examples" in tried.text
    assert "Try those before" in page(staff.get("/console/rules")).text
    for one in (shown, tried, again):
        assert not {"999001", str(STUDENT)} & set(re.findall(r"\d+", unescape(one.html)))
        assert re.search(r"of the students Student [0-9A-F]+ and with", one.text)
        assert "Show names to edit rules." in one.text
    assert "999001" in page(staff.get("/console/rules")).text


def test_rules_that_cannot_be_are_refused_and_kept_for_mending(told: HttpSystem, staff: httpx.Client) -> None:
    """What was typed stays in the page; who may not change rules changes none."""
    form = {"csrf": page(staff.get("/console/rules")).fields["csrf"], "editor": "json"}
    named = page(staff.post("/console/rules/try", data={**form, "json": f'{{"user_ids": [{MEMBER}]}}'}))
    assert f"Lovelace ({MEMBER})." in named.text
    for text, said in (('{"rules": 5}', "must be a list"), ("{no", "not valid JSON"), (f'["{MARKUP}"]', "JSON object")):
        shown = page(staff.post("/console/rules/try", data={**form, "json": text}), 400)
        assert said in shown.text
        assert text in shown.text
        assert MARKUP not in shown.html
    with logged_in(told, "reader") as client:
        own = {"csrf": page(client.get("/console/rules")).fields["csrf"], "editor": "json", "json": "{}"}
        page(client.post("/console/rules/save", data={**own, "mark": "x"}), 403)
        page(client.post("/console/rules/try", data={"json": "{}"}), 403)


def _letters(told: HttpSystem, mark: str, *values: bytes) -> list[dict[str, Any]]:
    """New dead letters, the newest first; the mark in them tells them from what fails again of other tests."""
    send(told.settings, values)
    with told.client(academy=None) as client:

        def found() -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = client.get("/v1/telemetry/dead-letters").json()["results"]
            own = [row for row in rows if mark in client.get(f"/v1/telemetry/dead-letters/{row['id']}").json()["value"]]
            return own if len(own) == len(values) else []

        return eventually(found, 60, "the dead letters")


def _state(told: HttpSystem, letter: int, resolution: str) -> None:
    with told.client(academy=None) as client:
        eventually(
            lambda: client.get(f"/v1/telemetry/dead-letters/{letter}").json()["resolution"] == resolution,
            30,
            f"letter {letter} {resolution}",
        )


def test_a_dead_letter_is_changed_sent_and_given_up(told: HttpSystem, staff: httpx.Client) -> None:
    """Each after it was shown what would happen; a letter is a letter once."""
    mark = uuid.uuid4().hex
    first, second, third = _letters(told, mark, *(f"{{not {mark} {MARKUP}".encode() for _ in range(3)))
    listed = page(staff.get("/console/letters"))
    own = f"/console/letters/{first['id']}"
    shown = page(staff.get(own))
    assert mark in shown.text
    assert MARKUP not in shown.html
    value = '{"user_id": 7, "slug": "s", "package_slug": "everybodys", "event": "open_step"}'
    form = {"csrf": shown.fields["csrf"], "value": value}
    page(staff.post(f"{own}/change", data={**form, "value": "{no"}), 400)
    preview = page(staff.post(f"{own}/change", data=form))
    sent = page(staff.post(f"{own}/change", data=preview.fields))
    dropped = page(staff.post(f"/console/letters/{second['id']}/drop", data={"csrf": form["csrf"]}))
    sure = page(staff.post("/console/letters/retry", data={"csrf": form["csrf"], "reason": first["why"]}))

    assert own in listed.addresses
    assert '"op": "replace"' in preview.text
    assert "The worker would make of it: stored" in preview.text
    assert "The letter was sent again." in sent.text
    assert "The letter was given up." in dropped.text
    _state(told, first["id"], "retried")
    _state(told, second["id"], "dropped")
    assert "Send again?" in sure.title
    judged = re.search(r"The worker was asked about (\d+) of them, the newest: (\d+) would fail again", sure.text)
    assert judged is not None
    assert judged[1] == judged[2] != "0"
    _state(told, third["id"], "")
    page(staff.post("/console/letters/retry", data=sure.fields))
    _state(told, third["id"], "retried")


def test_a_dead_letter_is_sent_again_only_after_a_look(told: HttpSystem, staff: httpx.Client) -> None:
    """Asked once, with what the worker would say; then the letter leads to the one that failed again, both to it."""
    mark = uuid.uuid4().hex
    (letter,) = _letters(told, mark, f'{{"user_id": 7, {mark}'.encode())
    own = f"/console/letters/{letter['id']}"
    shown = page(staff.get(own))
    webhook = next(address for address in shown.addresses if re.fullmatch(r"/console/webhooks/\d+", address))
    form = {"csrf": shown.fields["csrf"]}
    asked = page(staff.post(f"{own}/retry", data=form))
    _state(told, letter["id"], "")
    waits = page(staff.get("/console/operations"))
    sent = page(staff.post(f"{own}/retry", data={**form, "sure": "yes"}))
    _state(told, letter["id"], "retried")
    again = eventually(
        lambda: [
            address
            for address in page(staff.get(own)).addresses
            if re.fullmatch(r"/console/letters/\d+", address) and address != own
        ],
        60,
        "the letter of what failed again",
    )
    with logged_in(told, **{"Accept-Language": "es"}) as client:
        spanish = page(client.get(own)).text
        after = page(client.get(again[0]))

    assert "<mark>" in shown.html
    assert "Where in the value" in shown.text
    assert "The worker would make of it: dead" in asked.text
    assert "sure" in asked.fields
    assert re.search(r"\d+ dead letters? waits?", waits.text)
    assert "/console/letters" in waits.addresses
    assert "The letter was sent again." in sent.text
    assert webhook in sent.addresses
    assert "Reenviada, volvió a fallar:" in spanish
    assert webhook in after.addresses
