"""Facts of the wire are spelled in one place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.rooms import ROOT, modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What it is, how it would be spelled a second time, and where it may be.
FACTS: Final = {
    "a place is partition and offset": (r"<< ?OFFSET_BITS|\*\* ?40\b", {"schemas/wire/place.py"}),
    "headers of dead letters": (r"[\"']dead-letter-", {"schemas/wire/dead_letters.py"}),
    "headers of derived records": (
        r"[\"'](first-offset|last-offset|recomputed)[\"']|[(\[][\"']row[\"']",
        {"schemas/wire/derived.py"},
    ),
    # The name of a field, too, and what browsers may send.
    "traces in headers": (
        r"[\"']traceparent[\"']",
        {"schemas/wire/traces.py", "schemas/wire/headers.py", "gateway/origins.py"},
    ),
    "actors of runs of nobody": (r"[\"']telemetry:", {"schemas/wire/webhook.py"}),
    "names of groups": (
        r"prefix\}(worker|sink|forward\.|raw-copy|raw-restore)",
        {"schemas/wire/topics.py"},
    ),
    "exit codes": (r"(?i)(exit|superseded|fenced)\w*(: Final)? = 7\d\b", {"schemas/exits.py"}),
    "the size of a message": (r"\b2 \* [\w.]*max_body_bytes", {"schemas/settings.py"}),
    "ids in digits": (
        r"is(digit|decimal)\(\) and [\w.]+\.isascii|isascii\(\) and [\w.]+\.is(digit|decimal)",
        {
            # A user's name of digits of any length, and numbers that are no ids.
            "schemas/wire/webhook.py",
            "schemas/wire/pseudonyms.py",
            "sinks/forward/post.py",
            "deploy/demo/sending.py",
            "schemas/json_patch.py",
        },
    ),
    # The second cuts bytes that may be one.
    "keys of records": (r"\[:MAX_KEY_BYTES\]", {"schemas/wire/webhook.py", "operations/replay_students/log.py"}),
    "how many partitions topics have": (r"describe_topics\(\)", {"broker/partitioning.py"}),
    "texts in SQL": (r"""replace\("'", "\\\\+'"\)""", {"schemas/sql.py"}),
    "what the brokers keep of a group": (r"list_consumer_group_offsets", {"broker/committed.py"}),
}


def spelled(pattern: str) -> Iterator[Path]:
    """The modules in which something is spelled; the local servers know nothing of the product."""
    for path in modules().values():
        if not path.is_relative_to(ROOT / "deploy" / "local") and re.search(pattern, path.read_text()):
            yield path.relative_to(ROOT)


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_has_one_home(fact: str) -> None:
    """Who needs it imports it; a home in which it no longer stands is no home."""
    pattern, homes = FACTS[fact]

    assert {str(path) for path in spelled(pattern)} == homes
