"""The directory and the tokens that systems of tests are started with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from operations.tokens import CAPABILITIES, NewToken

__all__ = ["ASSETS", "TASKS", "TOKENS", "USERS", "secret"]

ASSETS: Final[list[dict[str, Any]]] = [
    {
        "id": 301,
        "slug": "javascript-arrays-intro",
        "title": "JavaScript Arrays Intro",
        "lang": "us",
        "asset_type": "EXERCISE",
        "graded": True,
        "academy": 1,
        "aliases": ["js-arrays"],
        "translations": {"us": "javascript-arrays-intro", "es": "introduccion-a-arrays"},
        "sync_status": "OK",
        "updated_at": "2026-04-15T10:12:00Z",
    },
    {
        "id": 302,
        "slug": "introduccion-a-arrays",
        "title": "Introducción a Arrays",
        "lang": "es",
        "asset_type": "EXERCISE",
        "graded": True,
        "academy": 1,
        "translations": {"us": "javascript-arrays-intro", "es": "introduccion-a-arrays"},
    },
    {"id": 400, "slug": "everybodys", "title": "Everybody's", "lang": "us", "graded": True, "academy": None},
    # Only the tests of tasks touch these two: what else is sent about a tutorial would show in them.
    {"id": 410, "slug": "untouched", "title": "Untouched", "lang": "us", "graded": True, "academy": 1},
    {"id": 411, "slug": "to-complete", "title": "To complete", "lang": "us", "graded": True, "academy": 1},
    # Nobody sends anything about this one: its figures move by syncing alone.
    {"id": 412, "slug": "only-synced", "title": "Only synced", "lang": "us", "graded": True, "academy": 1},
    {"id": 500, "slug": "elsewhere", "title": "Elsewhere", "lang": "us", "graded": True, "academy": 2},
]
USERS: Final[list[dict[str, Any]]] = [
    {"id": 123, "first_name": "Ada", "last_name": "Lovelace", "academies": [1]},
    {"id": 456, "first_name": "Grace", "last_name": "Hopper", "academies": [1]},
    {"id": 1234, "first_name": "Mary", "last_name": "Jackson", "academies": [1]},
    {"id": 900, "first_name": "Emmy", "last_name": "Noether", "academies": [2]},
]
TASKS: Final[list[dict[str, Any]]] = [
    {
        "id": 890699,
        "user_id": 1234,
        "title": "Arrays Practice",
        "task_status": "PENDING",
        "associated_slug": "javascript-arrays-intro",
        "revision_status": "PENDING",
        "task_type": "EXERCISE",
        "created_at": "2026-04-15T09:20:00Z",
        "updated_at": "2026-04-15T10:35:00Z",
    },
    {
        "id": 890700,
        "user_id": 456,
        "title": "Práctica de arrays",
        "task_status": "PENDING",
        "associated_slug": "introduccion-a-arrays",
        "revision_status": "PENDING",
        "task_type": "EXERCISE",
    },
    {
        "id": 890701,
        "user_id": 123,
        "title": "Everybody's",
        "task_status": "PENDING",
        "associated_slug": "everybodys",
        "revision_status": "PENDING",
        "task_type": "EXERCISE",
    },
    {
        "id": 890702,
        "user_id": 900,
        "title": "Elsewhere",
        "task_status": "PENDING",
        "associated_slug": "elsewhere",
        "revision_status": "PENDING",
        "task_type": "EXERCISE",
    },
    {
        "id": 890703,
        "user_id": 1234,
        "title": "Untouched",
        "task_status": "PENDING",
        "associated_slug": "untouched",
        "revision_status": "PENDING",
        "task_type": "EXERCISE",
    },
    {
        "id": 890704,
        "user_id": 123,
        "title": "To complete",
        "task_status": "PENDING",
        "associated_slug": "to-complete",
        "revision_status": "PENDING",
        "task_type": "EXERCISE",
    },
]

_CREATED: Final = datetime(2026, 1, 1, tzinfo=UTC)

# Name -> what it may do; the secret is the name with a suffix that appears nowhere else.
TOKENS: Final[dict[str, NewToken]] = {
    "staff": NewToken(1, {1: CAPABILITIES}, _CREATED),
    "reader": NewToken(2, {1: ("read_assignment", "read_asset")}, _CREATED),
    "foreign": NewToken(3, {2: CAPABILITIES}, _CREATED),
    "student": NewToken(1234, {}, _CREATED),
    "other-student": NewToken(123, {}, _CREATED),
    "ingest": NewToken(None, {1: ()}, _CREATED),
    "expired": NewToken(1, {1: CAPABILITIES}, _CREATED, expires_at=_CREATED + timedelta(days=1)),
}

_CANARY: Final = "canary-7Jq2"


def secret(name: str) -> str:
    """The secret of a token of TOKENS."""
    return f"{name}-{_CANARY}"
