"""Words that the log, the API and the topics share: statuses, verdicts, events and the texts of verdicts.

The texts are the LMS's, to the letter, spelling included: scripts and people search the log for them
(docs/semantics.md, "Checks" and "Statuses and verdicts").
Texts of HTTP errors are the gateway's own (gateway/messages.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "AGENTS",
    "ASSET_NOT_FOUND",
    "BATCH",
    "EVENTS",
    "EVENTS_REPEATED",
    "NO_DISTINCT_ID",
    "NO_EVENT",
    "NO_MANIFEST",
    "NO_SLUG",
    "NO_USER",
    "OK",
    "PACKAGE_EVENTS",
    "REQUEST_ACCEPTED",
    "REQUEST_EMPTY",
    "STALE",
    "STATUSES",
    "STREAMED_EVENTS",
    "VERDICTS",
    "Language",
    "Status",
    "Verdict",
    "agent_of",
    "event_not_implemented",
    "events_left_out",
    "ignored_by_legacy",
    "ignored_by_rule",
    "invalid_config",
    "invalid_package_id",
    "no_event_readable",
    "package_asset_not_found",
    "repeats",
    "student_not_found",
    "student_without_tasks",
    "token_cannot_report",
    "too_long",
    "too_many",
]

# What texts for people are written in.
Language = Literal["en", "es"]
Status = Literal["PENDING", "DONE", "ERROR", "IGNORED"]
Verdict = Literal["stored", "ignored", "duplicate", "stale", "error", "dead"]

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)

# What a webhook without the key `event` is.
BATCH: Final = "batch"
STREAMED_EVENTS: Final = frozenset({"open_step", "compile", "test", "ai_interaction", "quiz_submission"})
PACKAGE_EVENTS: Final = frozenset({"package_published", "package_manifest_updated"})
EVENTS: Final = frozenset({BATCH}) | STREAMED_EVENTS | PACKAGE_EVENTS

# The programs that LearnPack runs in, as its documents name them; a client's own text is in no fact.
AGENTS: Final = frozenset(
    {"browser", "cloud", "codespaces", "gitpod", "localhost", "os", "standalone", "theia", "vscode"}
)

REQUEST_ACCEPTED: Final = "ok"
REQUEST_EMPTY: Final = "this request couldn't no be processed"

OK: Final = "OK"
NO_EVENT: Final = "Impossible to determine learnpack event"
NO_SLUG: Final = "Impossible to retrive learnpack exercise slug"
NO_USER: Final = "Impossible to retrive learnpack user id"
ASSET_NOT_FOUND: Final = (
    "Asset specified by learnpack telemetry was not found using either the payload 'asset_id' or 'slug'"
)
NO_MANIFEST: Final = "Impossible to retrieve learnpack manifest from package_manifest_updated payload"
NO_DISTINCT_ID: Final = "The events name no distinct id, so they are nobody's"
EVENTS_REPEATED: Final = "Ignored because all of its events have been received before."
STALE: Final = "Ignored because a more recent telemetry batch was obtained."

_IGNORED: Final = "Ignored by academy learnpack_features.telemetry_webhook_ignore"


def agent_of(payload: Mapping[str, Any]) -> str | None:
    """The program that a document comes from, `other` for one that is none of AGENTS, None if it names none."""
    agent = payload.get("agent")
    if not isinstance(agent, str) or not agent:
        return None
    return agent if agent in AGENTS else "other"


def ignored_by_rule(fields: Iterable[str]) -> str:
    """Text for a webhook that a rule with these fields matched."""
    return f"{_IGNORED} rule ({','.join(fields)})."


def ignored_by_legacy(field: str) -> str:
    """Text for a webhook that a legacy field matched."""
    return f"{_IGNORED} ({field})."


def repeats(webhook_id: int) -> str:
    """Text for a redelivery of the webhook with this id."""
    return f"Ignored because it repeats webhook {webhook_id}."


def token_cannot_report(owner: Any, reported: Any) -> str:
    """Text for a personal token of one user that reports another."""
    return f"Token of user {owner} cannot report for user {reported}"


def student_not_found(user_id: Any) -> str:
    """Text for a user id, as sent, that the directory does not know."""
    return f"Learnpack student with user id {user_id} not found"


def event_not_implemented(event: Any) -> str:
    """Text for an event, as sent, that is none of EVENTS."""
    return f"Learnpack telemetry event `{event}` is not implemented"


def student_without_tasks(user_id: Any, slugs: Iterable[str]) -> str:
    """Text for a student who has no task with any of these slugs, a translation group's."""
    return (
        f"Student with id {user_id} has not tasks with associated slug in any of the asset translations: "
        f"{sorted(slugs)}"
    )


def package_asset_not_found(event: str) -> str:
    """Text for a package event whose asset the directory does not know."""
    return f"Asset specified by learnpack {event} was not found using either the payload 'asset_id' or 'slug'"


def invalid_package_id(event: str, package_id: Any) -> str:
    """Text for a package event with this package id, as sent, that is no number."""
    return f"Invalid package_id in {event} payload: {package_id}"


def events_left_out(count: int, reason: str) -> str:
    """Text for a record of which some events were stored and some could not be; `reason` is the first one's."""
    return f"{OK}, but {count} of its events could not be taken: {reason}"


def no_event_readable(reason: str) -> str:
    """Text for a record with no event that could be taken; `reason` is the first one's."""
    return f"No event could be taken: {reason}"


def invalid_config(reason: Any) -> str:
    """Text for a package_published whose `package.config` is text but no JSON."""
    return f"Invalid package.config JSON in package_published payload: {reason}"


def too_many(what: str, count: int, most: int) -> str:
    """Text for a webhook that brings more of something than is kept."""
    return f"There are more {what} than can be kept: {count}, and at most {most} are"


def too_long(name: str, most: int) -> str:
    """Text for a webhook with a name that is longer than so many bytes."""
    return f"The text of {name} is too long: at most {most} bytes are kept"
