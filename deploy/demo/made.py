"""What the demo makes up beside its documents: more students, who worked in the last days and work now (pure).

Everything that they did is of the bundled documents: steps, code, output and results as they were, at other times and
by other students, whose ids are above all real ones. Nothing of it is by chance, so every run makes the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from deploy.demo.moving import Spell, failing, hardest_step, retold, worked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FIRST_MADE", "TESTER", "Made", "made_before", "made_now", "made_users", "rules_over_time"]

# Ids of real students are below.
FIRST_MADE: Final = 40_001
# Tries the system out, and is ignored by a rule.
TESTER: Final = 40_099

_NAMES: Final = (
    "Ada Lovelace", "Alan Turing", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov", "Donald Knuth",
    "Margaret Hamilton", "Dennis Ritchie", "Radia Perlman", "Ken Thompson", "Katherine Johnson", "Tony Hoare",
    "Hedy Lamarr", "Claude Shannon", "Mary Jackson", "John Backus", "Frances Allen", "Niklaus Wirth",
    "Annie Easley", "Leslie Lamport", "Jean Bartik", "Robin Milner", "Karen Jones", "Peter Naur",
)  # fmt: skip
_STUCK: Final = ("Evelyn Berezin", "George Boole", "Joan Clarke")

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
# How long ago students of today end at most, and how much of a document students do at least.
_TODAY_MINUTES: Final = 320
_LEAST_SHARE: Final = 0.4
# When who is stuck has failed last, in minutes before now.
_LAST_FAILURES: Final = (2, 4, 7)
# So many of somebody's failures are sent one by one, as the IDE sends them.
_STREAMED: Final = 2
_IGNORED: Final = 14
# Of what does not arrive whole, so much does, in bytes.
_CUT: Final = 1500
_TRIES: Final = {"compilations": "compile", "tests": "test"}


@dataclass(frozen=True, slots=True)
class Made:
    """A webhook, when it came (milliseconds since 1970 UTC), and whose it is."""

    at: int
    student: int
    body: bytes


def made_users() -> list[dict[str, Any]]:
    """The students for the directory, with names that are made up, too; members of academy 1."""
    names = [*enumerate((*_NAMES, *_STUCK), FIRST_MADE), (TESTER, "Test Account")]
    users = []
    for number, name in names:
        first, _, last = name.partition(" ")
        users.append({"id": number, "first_name": first, "last_name": last, "academies": [1]})
    return users


def rules_over_time() -> list[dict[str, Any]]:
    """Ignore rules as somebody put them in force one after the other: too wide at first, then those that are meant."""
    tester = {"user_ids": [TESTER]}
    return [{"rules": [tester, {"events": ["open_step"]}]}, {"rules": [tester]}]


def _runs(documents: Sequence[bytes]) -> list[dict[str, Any]]:
    """The last document of each run, in the order of the runs."""
    runs: dict[str, dict[str, Any]] = {}
    for body in documents:
        document = orjson.loads(body)
        runs[document["telemetry_id"]] = document
    return list(runs.values())


def made_before(documents: Sequence[bytes], now: int) -> list[Made]:
    """What came in the days before `now` (milliseconds since 1970 UTC), in the order in which it came.

    Students work at one tutorial each, on one to three days. Some of it came twice, some was cut off on its way, and
    some is of a kind that nobody knows.
    """
    runs = _runs(documents)
    told = [webhook for place in range(len(_NAMES)) for webhook in _student(runs[place % len(runs)], place, now)]
    # Sent once more half a minute later, as a client does that has seen no answer.
    told += [replace(webhook, at=webhook.at + _MINUTE // 2) for webhook in told[::9]]
    told += [replace(told[hours], at=now - hours * _HOUR, body=told[hours].body[:_CUT]) for hours in (1, 2)]
    unknown = {"event": "open_lesson", "user_id": FIRST_MADE, "slug": runs[0]["slug"], "data": {}}
    told.append(Made(now - 3 * _HOUR, FIRST_MADE, orjson.dumps(unknown)))
    return sorted(told, key=lambda webhook: webhook.at)


def _student(run: dict[str, Any], place: int, now: int) -> Iterator[Made]:
    """The batches of one of them: what was done until the end of each day of work."""
    done = worked(run)
    share = _LEAST_SHARE + (1 - _LEAST_SHARE) * (place * 7 % 10) / 9
    days = 1 + place % 3
    until = int(done.total * share)
    # Four of ten come today, the others on the six days before.
    latest = max(0, place * 3 % 10 - 3)
    if latest:
        # Between nine and seventeen o'clock, UTC.
        end = now // _DAY * _DAY - latest * _DAY + (9 + place % 8) * _HOUR + place * 7 % 60 * _MINUTE
    else:
        end = now - (15 + place * 37 % _TODAY_MINUTES) * _MINUTE
    spells = [
        Spell(until * nth // days, until * (nth + 1) // days, end - (days - 1 - nth) * _DAY) for nth in range(days)
    ]
    student = FIRST_MADE + place
    who = {"user_id": student, "telemetry_id": f"made-{student}"}
    for number in range(1, days + 1):
        document = retold(run, done, spells[:number])
        yield Made(spells[number - 1].end + 1000, student, orjson.dumps({**document, **who}))


def made_now(documents: Sequence[bytes], now: int) -> list[bytes]:
    """What comes at `now`: students who are stuck in a step, with their last tries one by one, and what is ignored."""
    told: list[bytes] = []
    for place, (run, ago) in enumerate(zip(_failing_runs(documents), _LAST_FAILURES, strict=True)):
        told += _stuck(run, FIRST_MADE + len(_NAMES) + place, now - ago * _MINUTE)
    slug = _runs(documents)[0]["slug"]
    tester = {"user_id": TESTER, "telemetry_id": f"made-{TESTER}", "package_slug": slug, "stepPosition": 0}
    told += [
        orjson.dumps({**tester, "slug": "00-welcome", "event": "open_step", "data": {"number": number}})
        for number in range(_IGNORED)
    ]
    return told


def _failing_runs(documents: Sequence[bytes]) -> list[dict[str, Any]]:
    """The runs in which somebody failed most often in a row, each of another tutorial."""
    by_tutorial: dict[str, dict[str, Any]] = {}
    for run in sorted(_runs(documents), key=lambda run: -len(failing(hardest_step(run)))):
        by_tutorial.setdefault(run["slug"], run)
    return list(by_tutorial.values())[: len(_LAST_FAILURES)]


def _stuck(run: dict[str, Any], student: int, last: int) -> list[bytes]:
    """The batch of somebody who failed again and again until `last`, and then the last failures.

    The batch ends before these: over a document lies only what is later than its last interaction.
    """
    step = hardest_step(run)
    failures = failing(step)
    done = worked(run)
    spell = Spell(0, done.of[failures[-1][1]["starting_at"]], last)
    whole = retold(run, done, [spell])
    until = done.of[failures[-_STREAMED][1]["starting_at"]] - 1
    batch = retold(run, done, [Spell(0, until, spell.moved(until))])
    who = {"user_id": student, "telemetry_id": f"made-{student}"}
    names = {"package_slug": run["slug"], "slug": step["slug"], "stepPosition": step["position"]}
    (all_of_it,) = (one for one in whole["steps"] if one["slug"] == step["slug"])
    (batched,) = (one for one in batch["steps"] if one["slug"] == step["slug"])
    batched.pop("completed_at", None)
    events = []
    for attribute, failure in failures[-_STREAMED:]:
        at = spell.moved(done.of[failure["starting_at"]])
        (item,) = (one for one in all_of_it[attribute] if one["starting_at"] == at)
        events.append(orjson.dumps({**who, **names, "event": _TRIES[attribute], "data": item}))
    return [orjson.dumps({**batch, **who}), *events]
