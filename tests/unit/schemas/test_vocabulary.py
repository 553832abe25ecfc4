"""The words of the log, to the letter (docs/semantics.md, "Checks")."""

from __future__ import annotations

import pytest

from schemas import vocabulary

NOT_FOUND = "Asset specified by learnpack {} was not found using either the payload 'asset_id' or 'slug'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (vocabulary.OK, "OK"),
        (vocabulary.NO_EVENT, "Impossible to determine learnpack event"),
        (vocabulary.NO_SLUG, "Impossible to retrive learnpack exercise slug"),
        (vocabulary.student_not_found("x y"), "Learnpack student with user id x y not found"),
        (vocabulary.student_not_found([1, None]), "Learnpack student with user id [1, None] not found"),
        (vocabulary.event_not_implemented("fly"), "Learnpack telemetry event `fly` is not implemented"),
        (vocabulary.NO_USER, "Impossible to retrive learnpack user id"),
        (
            vocabulary.ASSET_NOT_FOUND,
            NOT_FOUND.format("telemetry"),
        ),
        (
            vocabulary.student_without_tasks(7, {"b", "a"}),
            "Student with id 7 has not tasks with associated slug in any of the asset translations: ['a', 'b']",
        ),
        (
            vocabulary.package_asset_not_found("package_published"),
            NOT_FOUND.format("package_published"),
        ),
        (
            vocabulary.NO_MANIFEST,
            "Impossible to retrieve learnpack manifest from package_manifest_updated payload",
        ),
        (
            vocabulary.invalid_package_id("package_manifest_updated", "x"),
            "Invalid package_id in package_manifest_updated payload: x",
        ),
        (vocabulary.invalid_config("why"), "Invalid package.config JSON in package_published payload: why"),
        (
            vocabulary.ignored_by_rule(["events", "asset_ids"]),
            "Ignored by academy learnpack_features.telemetry_webhook_ignore rule (events,asset_ids).",
        ),
        (
            vocabulary.ignored_by_legacy("events"),
            "Ignored by academy learnpack_features.telemetry_webhook_ignore (events).",
        ),
        (vocabulary.repeats(1099511627776), "Ignored because it repeats webhook 1099511627776."),
        (vocabulary.STALE, "Ignored because a more recent telemetry batch was obtained."),
        (vocabulary.token_cannot_report(1, 2), "Token of user 1 cannot report for user 2"),
        (vocabulary.REQUEST_ACCEPTED, "ok"),
        (vocabulary.REQUEST_EMPTY, "this request couldn't no be processed"),
    ],
)
def test_texts_are_literal(text: str, expected: str) -> None:
    """Scripts and people search for these texts, so they never change."""
    assert text == expected


def test_words_are_those_of_the_contract() -> None:
    """Statuses, verdicts and events are the documented ones and no others."""
    assert vocabulary.STATUSES == ("PENDING", "DONE", "ERROR", "IGNORED")
    assert vocabulary.VERDICTS == ("stored", "ignored", "duplicate", "stale", "error", "dead")
    assert sorted(vocabulary.EVENTS) == [
        "ai_interaction",
        "batch",
        "compile",
        "open_step",
        "package_manifest_updated",
        "package_published",
        "quiz_submission",
        "test",
    ]
