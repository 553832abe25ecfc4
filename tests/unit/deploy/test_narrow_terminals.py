"""What a terminal of 80 columns shows of each command's table: no word broken but at a joint, no figure cut."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from rich.console import Console, Group

import deploy.cli.dead_letters
import deploy.cli.directory
import deploy.cli.doctor
import deploy.cli.forward
import deploy.cli.replay
import deploy.cli.rule_history
import deploy.cli.status
import deploy.cli.stuck
import deploy.cli.tokens
import deploy.cli.trace
import deploy.cli.webhooks
import deploy.cli.why
from deploy.cli.console import Failed
from operations.dead_letters import DeadLetter
from operations.doctor.findings import failed, good
from operations.forwarding import Forwarder
from operations.lag import Lag
from operations.replay.comparison import Comparison, TableDifference
from operations.replay.report import show
from operations.status import Status
from operations.tables import WholeTable
from operations.tokens import CAPABILITIES
from schemas.reference.directory import Asset, Token
from schemas.wire.forwarding import Pause
from schemas.wire.generations import Generation, Journal
from schemas.wire.rule_changes import Changer, RuleChange

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parents[3]
WIDTH: Final = 80
SLUG: Final = "configuring-firewall-and-acl-exercise-tutorial"
ID: Final = 1152921504606846976
# Where a word that is longer than its cell may be folded.
JOINT: Final = re.compile(r"(?<=[-/.,=:])(?=[A-Za-z])|(?<=_)(?=\w)")

Patch = pytest.MonkeyPatch


class Screen(Console):
    """A narrow terminal that keeps which tables it was given."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self.tables: list[WholeTable] = []
        super().__init__(file=self.text, width=WIDTH, soft_wrap=True, highlight=False)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as a console does."""
        for shown in objects:
            parts = shown.renderables if isinstance(shown, Group) else [shown]
            self.tables += [part for part in parts if isinstance(part, WholeTable)]
        super().print(*objects, **options)


def replaced(patch: Patch, module: Any, screen: Screen, **answers: Any) -> None:
    """Let a command print to a screen, and be answered so by what it asks."""
    patch.setattr(module, "out", screen)
    for name, answer in answers.items():
        patch.setattr(module, name, lambda *_, _answer=answer, **__: _answer)
    if "run" in vars(module):
        patch.setattr(module, "run", lambda answer: answer)


def status(screen: Screen, patch: Patch) -> None:
    """A part that does not work, and a topic with a long name."""
    replaced(patch, deploy.cli.status, screen)
    wrong = "generation 2 is computed from learnpack.webhooks.raw.16, and TELEMETRY_RAW_TOPIC says webhooks.raw"
    lag = [Lag("learnpack-telemetry-worker.g12", "learnpack.staging.webhooks.raw.16", 12_345_678)]
    rows = {"webhook_health": 12_345_678_901}
    shown = deploy.cli.status._page(Status({"kafka": wrong, "clickhouse": "ok"}, lag, rows))  # noqa: SLF001 - what it prints
    screen.print(Group(*shown))


def doctor(screen: Screen, patch: Patch) -> None:
    """Findings with addresses and names of settings."""
    mend = "To go on as before set TELEMETRY_RAW_TOPIC=webhooks.raw.16 (with `up` leave TELEMETRY_PARTITIONS unset)"
    found = [
        failed("kafka", "topics", "generation 2 is computed from learnpack.webhooks.raw.16", mend),
        good("clickhouse", "reachable", "http://127.0.0.1:28123, version 25.3.1.1"),
    ]
    replaced(patch, deploy.cli.doctor, screen, _findings=found)
    with pytest.raises(Failed):
        deploy.cli.doctor.doctor()


def generations(screen: Screen, patch: Patch) -> None:
    """One of a copy, and one that nobody needs."""
    began = "2026-11-02T10:10:11.123456+00:00"
    several = (
        Generation(number=1, rules="as-recorded", began=began),
        Generation(number=12, algorithm="1.1", began=began, raw="webhooks.raw.16", by_settings=True),
    )
    journal = Journal(live=13, last=13, generations=(*several, Generation(number=13)))
    replaced(patch, deploy.cli.replay, screen, _state=(journal, False), log_settings=None)
    deploy.cli.replay.status()


def tokens(screen: Screen, patch: Patch) -> None:
    """One with all capabilities and an end, and a key."""
    end = int(datetime(2027, 2, 27, 7, 12, 33, tzinfo=UTC).timestamp() * 1_000_000)
    several = [
        Token(
            sha256="0123456789abcdef", value=b"", user_id=10021, academies={1: frozenset(CAPABILITIES)}, expires_at=end
        ),
        Token(sha256="fedcba9876543210", value=b"", academies={4: frozenset()}, ingest=True, label="development [old]"),
    ]
    replaced(patch, deploy.cli.tokens, screen, list_tokens=several, settings=None)
    deploy.cli.tokens.list_()


def rules(screen: Screen, patch: Patch) -> None:
    """A change by staff of many fields, and one of which nobody knows what was before."""
    who = Changer(via="api", user_id=1234, token="9f86d081884c7d65", name="Mesa de ayuda")
    after = {"rules": [{"learnpack_package_ids": [13190, 13191], "package_slugs": [SLUG], "events": ["open_step"]}]}
    change = RuleChange(academy=1234, at=1_790_000_000_123, who=who, before={}, after=after)
    hidden = msgspec.structs.replace(change, who=Changer(via="command-line"), before=None)
    replaced(patch, deploy.cli.rule_history, screen, read_changes=[change, hidden], settings=None)
    deploy.cli.rule_history.history()


def webhooks(screen: Screen, patch: Patch) -> None:
    """A student's, one of which was refused."""
    row = {"id": ID, "received_at": "2026-03-02 08:00:00.123", "event": "open_step", "package_slug": SLUG}
    replaced(patch, deploy.cli.trace, screen)
    why = "asset not found: nobody has told of exercise-postcard"
    deploy.cli.trace._list([row | {"status": "ERROR", "status_text": why}], json=False)  # noqa: SLF001 - what it prints


def stuck(screen: Screen, patch: Patch) -> None:
    """Somebody with long names in a long tutorial."""
    row = {
        "student": {"id": 10021, "first_name": "José María", "last_name": "Núñez-López"},
        "actor": "10021",
        "asset_slug": SLUG,
        "step_slug": "01-loops-and-conditionals",
        "failures": 12,
        "minutes": 1234,
        "last_error": {"event": "quiz_submission", "kind": "", "exit_code": 127},
        "questions": 12,
        "last_seen": "2026-11-02T10:10:11.123Z",
        "urgency": 100.0,
    }
    replaced(patch, deploy.cli.stuck, screen, stuck_now=[row], settings=None)
    deploy.cli.stuck.stuck()


def why(screen: Screen, patch: Patch) -> None:
    """A term of all steps, and one of time."""
    movers = [
        {"slug": f"{number:02}-connecting-stylesheet", "position": number, "points": 1.5785} for number in range(9)
    ]
    term = {"points": 17.3684, "weight": 0.3, "label": "compilations and tests", "value": 57.89, "unit": "percent"}
    time = {"points": -30.0, "weight": 0.3, "label": "time on the tutorial", "value": -123_456.0, "unit": "seconds"}
    terms = [{**term, "movers": movers}, {**time, "movers": []}]
    names = ("engagement", "frustration")
    found: dict[str, Any] = {
        "student": {"id": 10021, "first_name": None, "last_name": None},
        "actor": "10021",
        "asset_slug": SLUG,
        "asset_title": None,
        "scores": {"completion": 1.5, "updated_at": "2026-11-02T10:10:11.123Z", "last_interaction_at": None},
        "explanation": {
            "version": 1.0,
            "steps": 9,
            "scores": [{"name": name, "value": 47.37, "agrees": True, "terms": terms} for name in names],
        },
    }
    replaced(patch, deploy.cli.why, screen, explain_work=found, settings=None)
    deploy.cli.why.why("10021", SLUG)


def log(screen: Screen, patch: Patch) -> None:
    """A webhook that was refused."""
    row = {"id": ID, "created_at": "2026-03-02T08:00:00.123Z", "event": "quiz_submission", "student_id": 10021}
    row |= {"status": "ERROR", "status_text": "asset not found: nobody has told of exercise-postcard"}
    replaced(patch, deploy.cli.webhooks, screen, newest_webhooks=[row], settings=None)
    deploy.cli.webhooks.webhooks()


def letters(screen: Screen, patch: Patch) -> None:
    """One of a topic with a long name."""
    reason, at = "ValueError: invalid literal for int() with base 10: b'four'", "2026-11-02 10:10:11.123"
    letter = DeadLetter(ID, "learnpack.webhooks.raw.16", 12, 123456, 7, "headers", reason, "", "retried", at, 12)
    replaced(patch, deploy.cli.dead_letters, screen, find_letters=[letter], live_settings=None)
    deploy.cli.dead_letters.list_()


def assets(screen: Screen, patch: Patch) -> None:
    """One with a long slug."""
    asset = Asset.parse(
        b"123456", b'{"id": 123456, "slug": "%s", "lang": "us", "learnpack_id": 1234567}' % SLUG.encode()
    )
    records = {"assets": [(b"123456", b"")], "users": [], "tasks": [], "academies": []}
    reference = SimpleNamespace(records=records.__getitem__, asset=lambda _: asset)
    replaced(patch, deploy.cli.directory, screen, load_reference=reference, settings=None)
    deploy.cli.directory.show()


def comparison(screen: Screen, _patch: Patch) -> None:
    """A large log, with students of notebooks."""
    differing = TableDifference("student_day", 12_345_678, 12_345_679, 1_345_678, 1_345_679, 1_345_678, 123)
    verdict = {"live_verdict": "stored", "live_status_text": "", "new_verdict": "ignored"}
    verdict |= {"new_status_text": f"ignored by package_slugs: {SLUG}"}
    score: dict[str, Any] = {"actor": "notebook:josé maría núñez-lópez", "asset_slug": SLUG}
    score |= {f"{side}_{name}": 12.3456 for side in ("live", "new") for name in ("engagement_score", "completion_rate")}
    score |= {"live_frustration_score": 51.6812, "new_frustration_score": 0.00001}
    names = "engagement_avg", "frustration_avg", "completion_avg", "total_sessions"
    day: dict[str, Any] = {"day": "2026-11-02", "asset_slug": SLUG}
    day |= {f"live_{name}": 12.3456 for name in names}
    day |= {f"new_{name}": None for name in names}
    verdicts: list[dict[str, Any]] = [verdict | {"webhooks": 123_456, "examples": [ID]}]
    show(Comparison(1, 2, [differing], verdicts, [score], 12_345, [day], 1_234), screen)


def forwarders(screen: Screen, patch: Patch) -> None:
    """`forward status`, of one that is paused."""
    lag = Lag("learnpack.forward.lms", "learnpack.completions", 123_456, 98_765.4)
    gone = Pause(reason="the receiver answered 410 (Gone): it wants nothing any more", at=0)
    found = [Forwarder("lms", 12, gone, (lag,)), Forwarder("chat-of-teachers", 1, None, ())]
    replaced(patch, deploy.cli.forward, screen, forwarders=found, settings=None)
    deploy.cli.forward.status()


SHOWN: Final[list[Callable[[Screen, Patch], None]]] = [
    status,
    doctor,
    generations,
    tokens,
    rules,
    webhooks,
    stuck,
    why,
    log,
    letters,
    assets,
    comparison,
    forwarders,
]


def pieces(table: WholeTable) -> set[str]:
    """All that may stand between two blanks in a table: its words, and of those that are long what joints leave."""
    cells = [*table._headers, *(cell for row in table._rows for cell in row)]  # noqa: SLF001 - what was to be shown
    found = set()
    for word in " ".join(cell.plain for cell in cells).split():
        parts = JOINT.split(word)
        found |= {
            "".join(parts[first:last]) for first in range(len(parts)) for last in range(first + 1, len(parts) + 1)
        }
    return found


@pytest.mark.parametrize("command", SHOWN, ids=lambda command: command.__name__)
def test_eighty_columns_break_no_word_and_cut_no_figure(
    command: Callable[[Screen, Patch], None], monkeypatch: Patch
) -> None:
    """What is too long goes on in the next line, after a word or one of its joints."""
    screen = Screen()
    command(screen, monkeypatch)

    assert screen.tables
    allowed = set().union(*map(pieces, screen.tables))
    rows = [line for line in screen.text.getvalue().splitlines() if line[:1] in {"│", "┃"}]
    assert {piece for row in rows for piece in re.split(r"[│┃\s]+", row) if piece} <= allowed
    assert max(map(len, rows)) <= WIDTH


def test_every_module_with_a_table_is_tried() -> None:
    """A new one is to be added above."""
    paths = [path for folder in ("deploy", "operations") for path in (ROOT / folder).rglob("*.py")]
    made = {str(path.relative_to(ROOT)) for path in paths if " WholeTable(" in path.read_text()}
    commands = {
        f"deploy/cli/{name}.py"
        for name in ["dead_letters", "directory", "doctor", "forward", "replay", "rule_history", "status", "stuck"]
    } | {f"deploy/cli/{name}.py" for name in ["tokens", "trace", "webhooks", "why"]}

    assert made == commands | {"operations/replay/report.py"}
