"""What each part may do in Kafka: as little as it needs, under the prefix of its own system."""

from __future__ import annotations

import orjson
import pytest

from operations.acls import Acl, Part, acls_of, principal_of
from operations.granting import tool_command
from schemas.settings import Settings
from schemas.wire.topics import Topics
from tests.support.commands import command


def rights(part: Part) -> tuple[Acl, ...]:
    """A part's, of a system with a prefix and a raw topic of its own."""
    return acls_of(part, Settings(_env_file=None, topic_prefix="school.", raw_topic="webhooks.raw.2"))


@pytest.mark.parametrize("part", Part)
def test_rights_are_of_the_system_alone(part: Part) -> None:
    """Every name has its prefix, and none is given twice."""
    assert all(right.name.startswith("school.") and right.operations for right in rights(part))
    assert len({(right.resource, right.name) for right in rights(part)}) == len(rights(part))


def test_nobody_but_operators_may_delete_anything() -> None:
    """Nor make or change topics, but who sets up; nor write tokens, but operators, the gateway and what syncs."""
    able = {part: {operation for right in rights(part) for operation in right.operations} for part in Part}
    tokens = Topics("school.").tokens
    writers = {part for part in Part for right in rights(part) if right.covers(tokens) and "Write" in right.operations}

    assert {part for part in Part if "Delete" in able[part]} == {Part.OPERATOR}
    assert {part for part in Part if {"Create", "Alter", "AlterConfigs"} & able[part]} == {Part.SETUP, Part.OPERATOR}
    assert writers == {Part.OPERATOR, Part.GATEWAY, Part.SYNC}


@pytest.mark.parametrize("part", [Part.GATEWAY, Part.WORKER, Part.SINK, Part.MONITOR])
def test_another_generation_needs_nothing_new(part: Part) -> None:
    """Whatever has rights to a derived topic of the first one has them to those of the seventh."""
    first, seventh = Topics("school."), Topics("school.", 7)
    for name in ("facts", "outcomes", "scores", "telemetry", "dead_letters", "changelog"):
        of_first, of_seventh = (
            [right.operations for right in rights(part) if right.resource == "topic" and right.covers(topic)]
            for topic in (getattr(first, name), getattr(seventh, name))
        )
        assert of_first == of_seventh


def test_a_right_is_a_command_of_kafkas_tools() -> None:
    """With the kind of its name, and all its operations."""
    right = next(right for right in rights(Part.SINK) if right.resource == "group" and right.prefixed)
    words = tool_command(right, principal_of(Part.SINK), "broker:9093")

    assert " ".join(words) == (
        "kafka-acls.sh --bootstrap-server broker:9093 --command-config admin.properties --add"
        " --allow-principal User:telemetry-sink --operation Read --group school.sink."
        " --resource-pattern-type prefixed"
    )


def test_the_command_prints_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """As commands, or as JSON; a name of a user is one part's."""
    monkeypatch.setenv("TELEMETRY_TOPIC_PREFIX", "school.")
    printed = command("acls", "--part", "worker", "--principal", "User:w").out.splitlines()
    told = orjson.loads(command("acls", "--json").out)

    assert sum(line.startswith("kafka-acls.sh ") for line in printed) == len(rights(Part.WORKER))
    assert all("User:w " in line for line in printed if not line.startswith("#"))
    assert {one["part"] for one in told} == set(Part)
    assert told[0]["principal"] == "User:telemetry-gateway"
    assert command("acls", "--principal", "User:w").code == 2
