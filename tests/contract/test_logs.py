"""What parts write into their logs: docs/logs.md has every event, with its level and fields, and no other."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.support.sources import PACKAGES, ROOT, modules, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE: Final = (ROOT / "docs" / "logs.md").read_text("utf-8")
LEVELS: Final = ("info", "warning", "error", "critical")
# The local servers have words of their own, and are no part of a cluster.
LOCAL: Final = ROOT / "deploy" / "local"
# By these a worker ends itself, with fields on top of those of the line that it writes then.
ENDS: Final = {"end", "_end", "end_process"}
WORKER_STOPPED: Final = ("critical", "worker stopped")


class Call(NamedTuple):
    """A line of code that writes to the log: its level, its event, None for one that is not written out, its fields."""

    level: str
    event: str | None
    fields: frozenset[str]
    where: str


def fields_of(node: ast.Call) -> frozenset[str]:
    """The keywords of a call; a traceback is written as `exception`."""
    names = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
    return frozenset({"exception" if name == "exc_info" else name for name in names})


def calls(path: Path) -> Iterator[Call]:
    """Every call of a module's logger, and every end of a worker."""
    for node in ast.walk(parsed(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        where = f"{path.relative_to(ROOT)}:{node.lineno}"
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "_log":
            event = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            yield Call(name, None if event is None else str(event), fields_of(node), where)
        elif name in ENDS and path.is_relative_to(ROOT / "streams") and len(node.args) > 1:
            yield Call(*WORKER_STOPPED, fields_of(node), where)


CALLS: Final = [
    call for package in PACKAGES for path in modules(package) if not path.is_relative_to(LOCAL) for call in calls(path)
]


def rows() -> dict[tuple[str, str], set[str]]:
    """The fields of each level and event as the page has them, all its parts together."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for level, event, fields in re.findall(
        rf"^\| ({'|'.join(LEVELS)}) \| (.+?) \| (.*?) ?\| .+ \|$", PAGE, re.MULTILINE
    ):
        found[level, event] |= set(re.findall(r"`(\w+)`", fields))
    return found


def test_the_page_has_every_event() -> None:
    """With its level and all of its fields; what is on the page is written somewhere."""
    written: dict[tuple[str, str], set[str]] = defaultdict(set)
    for call in CALLS:
        written[call.level, str(call.event)] |= call.fields

    assert len(written) > 50
    assert rows() == written


def test_an_event_is_a_constant() -> None:
    """Values are fields: nobody can look for an event that is another one each time."""
    assert [call.where for call in CALLS if call.event is None] == []
    assert {call.level for call in CALLS} <= set(LEVELS)


def test_every_field_is_explained() -> None:
    """And what the page explains is a field; none of them is a body, a token, or what somebody is called."""
    (table,) = re.findall(r"^## Fields$(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    explained = {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    common = {"level", "event", "logger", "timestamp", "process", "trace_id"}

    assert explained - common == {field for call in CALLS for field in call.fields}
    assert not explained & {"body", "document", "email", "key", "name", "params", "path", "token", "url", "user"}
