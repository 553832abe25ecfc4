"""What a run is known to belong to: batches that leave their asset out, streamed events, and rules about both."""

from __future__ import annotations

from typing import Any

import pytest

from streams.core.policy import Policy
from tests.support.core import MORNING, Core
from tests.support.payloads import document, step

RULE = "Ignored by academy learnpack_features.telemetry_webhook_ignore ({})."


def core_of(*, strict: bool) -> Core:
    """A directory that knows the tutorial `arrays` (318, in Spanish 319), another one `maps` (8), and user 7."""
    core = Core(policy=Policy(strict=strict))
    core.refer("users", 7, {"id": 7, "academies": [1]})
    translations = {"us": "arrays", "es": "arreglos"}
    for number, slug, lang in ((318, "arrays", "us"), (319, "arreglos", "es")):
        asset = {"id": number, "slug": slug, "lang": lang, "graded": True, "translations": translations}
        core.refer("assets", number, {**asset, "learnpack_id": 900 if number == 318 else None})
    core.refer("assets", 8, {"id": 8, "slug": "maps", "lang": "us", "graded": True, "learnpack_id": 80})
    for number, slug in ((70, "arrays"), (71, "maps")):
        core.refer("tasks", number, {"id": number, "user_id": 7, "associated_slug": slug})
    return core


def batch(slug: Any = "arrays-intro-exercises", opened: float = 1, **changes: Any) -> dict[str, Any]:
    """A batch of the IDE: its slug is its own, which no directory knows."""
    return {**document(step("00", opened), slug=slug, user_id=7, last=opened), **changes}


def event(**changes: Any) -> dict[str, Any]:
    """A streamed compilation of the same run."""
    data = {"started_at": MORNING, "exit_code": 0}
    payload = {"slug": "00", "step_position": 0, "telemetry_id": "t-1", "user_id": 7, "event": "compile"}
    return {**payload, "data": data, **changes}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("asset_ids", ["318", "319", "319,318"])
def test_the_second_post_of_a_batch_is_of_the_asset_that_the_first_named(asset_ids: str, *, strict: bool) -> None:
    """The IDE names the asset in its first post only, and its last one, as the page closes, is a second one alone."""
    core = core_of(strict=strict)
    assert core.verdict(batch(), params={"asset_id": asset_ids}) == ("DONE", "OK")
    assert core.verdict(batch()) == ("DONE", "OK")
    assert core.verdict(batch(opened=5)) == ("DONE", "OK")

    assert {row["asset_slug"] for row in core.facts} == {"arrays"}
    assert {row["asset_slug"] for row in core.scores} == {"arrays"}
    assert set(core.telemetry) == {b"7:arrays"}


def test_a_run_that_began_under_its_own_slug_is_of_the_asset_once_a_post_names_it() -> None:
    """In an open directory, where a slug that nobody knows is a tutorial; from then on everything is the asset's."""
    core = core_of(strict=False)
    core.send(batch())
    core.send(batch(opened=5), params={"asset_id": "318"})
    first = len(core.facts)
    core.send(batch(opened=6))
    core.send(event())
    core.send(event(event="test", data={"started_at": MORNING + 9_000, "exit_code": 0}))

    assert {row["asset_slug"] for row in core.facts[first:]} == {"arrays"}
    assert {row["asset_slug"] for row in core.facts} == {"arrays", "arrays-intro-exercises"}
    assert {key for key, (document, _) in core.telemetry.items() if document} == {
        b"7:arrays",
        b"7:arrays-intro-exercises",
    }


@pytest.mark.parametrize("strict", [True, False])
def test_a_second_post_follows_the_first_where_the_directory_has_its_own_slug(*, strict: bool) -> None:
    """The body is the same, so it is of the same tutorial, whoever else has that slug."""
    core = core_of(strict=strict)
    core.send(batch("maps"), params={"asset_id": "318"})
    core.send(batch("maps", opened=5))

    assert set(core.telemetry) == {b"7:arrays"}


@pytest.mark.parametrize("slug", ["", None, "renamed"])
@pytest.mark.parametrize("strict", [True, False])
def test_a_batch_whose_names_say_nothing_is_of_its_run(slug: str | None, *, strict: bool) -> None:
    """What the telemetry_id is known for decides where the directory knows none of the batch's names."""
    core = core_of(strict=strict)
    core.send(batch(), params={"asset_id": "318"})

    assert core.verdict(batch(slug, opened=5)) == ("DONE", "OK")
    assert set(core.telemetry) == {b"7:arrays"}


def test_tutorials_made_from_one_template_stay_two() -> None:
    """A telemetry_id that two tutorials share by accident tells nothing against their own slugs."""
    core = core_of(strict=False)
    core.send(batch("first"))
    core.send(batch("second", opened=5))
    strict = core_of(strict=True)
    strict.send(batch("arrays"))
    strict.send(batch("maps", opened=5))

    assert set(core.telemetry) == {b"7:first", b"7:second"}
    assert set(strict.telemetry) == {b"7:arrays", b"7:maps"}


@pytest.mark.parametrize("strict", [True, False])
def test_a_streamed_event_with_the_slug_of_its_batches_is_of_their_asset(*, strict: bool) -> None:
    """The IDE's own slug is one name more for the asset that the batch named."""
    core = core_of(strict=strict)
    core.send(batch(), params={"asset_id": "318"})
    core.send(event(package_slug="arrays-intro-exercises"))

    assert {row["asset_slug"] for row in core.facts} == {"arrays"}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("rules", "ignores_batch"),
    [
        ({"package_slugs": ["arrays-intro-exercises"]}, True),
        ({"package_slugs": ["arrays"]}, False),
        ({"asset_ids": [318]}, True),
        ({"learnpack_package_ids": [55]}, True),
        ({"learnpack_package_ids": [900]}, False),
    ],
)
def test_rules_about_tutorials_hold_for_streamed_events(
    rules: dict[str, Any], *, ignores_batch: bool, strict: bool
) -> None:
    """An event names no tutorial: its run does, by what its batches said and by what the directory says of that."""
    (field,) = rules
    ignored = ("IGNORED", RULE.format(field))
    core = core_of(strict=strict)
    sent = batch(package_id=55)
    core.send(sent, params={"asset_id": "318"}, academy=1)
    assert core.verdict(event(), academy=1) == ("DONE", "OK")

    core.refer("ignore-rules", 1, rules)
    assert core.verdict(event(data={"started_at": MORNING + 5_000}), academy=1) == ignored
    assert core.verdict(event(event="open_step", data={}), academy=1) == ignored
    batch_verdict = core.verdict({**sent, "agent": "other"}, params={"asset_id": "318"}, academy=1)
    assert batch_verdict == (ignored if ignores_batch else ("DONE", "OK"))
    assert core.verdict(event(telemetry_id="other", user_id=8, package_slug="maps"), academy=1) != ignored


@pytest.mark.parametrize("rules", [{"package_slugs": ["arrays-intro-exercises"]}, {"asset_ids": [318]}])
def test_a_run_whose_batches_are_ignored_is_known_all_the_same(rules: dict[str, Any]) -> None:
    """Else its streamed events would be told, without a tutorial; nothing but how it is named is kept of it."""
    core = core_of(strict=False)
    core.refer("ignore-rules", 1, rules)
    (field,) = rules
    ignored = ("IGNORED", RULE.format(field))

    assert core.verdict(batch(), params={"asset_id": "318"}, academy=1) == ignored
    assert core.verdict(batch(), academy=1) == ignored
    assert core.verdict(event(), academy=1) == ignored
    assert (core.facts, core.scores, core.telemetry) == ([], [], {})
    core.refer("ignore-rules", 1, {})
    assert core.verdict(event(), academy=1) == ("DONE", "OK")


def test_a_rule_about_a_tutorial_holds_for_notebooks_of_that_name() -> None:
    """A notebook that the directory knows as an asset has that asset's ids."""
    core = core_of(strict=False)
    core.refer("ignore-rules", 1, {"asset_ids": [8]})
    captured = {"event": "start", "distinct_id": "ADA", "properties": {"nb": "maps"}}

    assert core.verdict(captured, source="posthog", academy=1) == ("IGNORED", RULE.format("asset_ids"))
