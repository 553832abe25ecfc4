"""What ClickHouse holds of a person, in every generation; nothing is changed here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from operations.forgetting.letters import Letter, find_letters
from operations.forgetting.webhooks import find_webhooks
from operations.raw_log.students import Students
from schemas.wire.rows import TABLES
from schemas.wire.webhook import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clickhouse_connect.driver.client import Client

    from operations.forgetting.person import Person

__all__ = ["Condition", "Found", "count", "find", "webhooks_with"]

_BY_ACTOR: Final = ("events", "telemetry", "scores", "student_day")
_TAKEN_BACK: Final = frozenset(
    table.name for table in TABLES if any(column.name == "deleted" for column in table.columns)
)
_WITH_RUNS: Final = ("events", "telemetry", "scores")
_IDS_AT_ONCE: Final = 10_000

_DATABASES: Final = """
SELECT DISTINCT database FROM system.tables
WHERE match(database, concat('^', {public:String}, '_g[0-9]+$')) AND name = 'scores' ORDER BY database
"""
_NAMED: Final = (
    "SELECT DISTINCT actor FROM {database:Identifier}.{table:Identifier} "  # noqa: S608 - a constant of ours
    f"WHERE NOT match(actor, '^[0-9]+$') AND NOT startsWith(actor, '{ANONYMOUS}')"
)
_THERE: Final = (
    "SELECT DISTINCT actor FROM {database:Identifier}.{table:Identifier} WHERE actor IN {actors:Array(String)}"
)
_OF_USER: Final = """
SELECT DISTINCT actor FROM {database:Identifier}.{table:Identifier} WHERE user_id = {user:UInt64}
"""
_RUNS: Final = """
SELECT DISTINCT telemetry_id FROM {database:Identifier}.{table:Identifier}
WHERE actor IN {actors:Array(String)} AND telemetry_id != ''
"""
_WHOSE: Final = """
SELECT telemetry_id, groupUniqArray(actor) FROM {database:Identifier}.{table:Identifier}
WHERE telemetry_id IN {runs:Array(String)} GROUP BY telemetry_id
"""
# Told by the student and, as a rule, by the webhook as well.
_LOGGED: Final = "SELECT id FROM {database:Identifier}.webhooks WHERE student_id = {user:UInt64} AND NOT deleted"
_PLACES: Final = """
SELECT DISTINCT asset_slug, telemetry_id FROM {database:Identifier}.{table:Identifier} WHERE actor = {actor:String}
"""


@dataclass(frozen=True, slots=True)
class Condition:
    """Rows of one table: a WHERE clause and its parameters."""

    table: str
    where: str
    parameters: dict[str, Any]


@dataclass(slots=True)
class Found:
    """What there is of a person.

    `actors` are the user, names and anonymous runs, `progress` the tutorials and telemetry_ids by actor, `rows` how
    many by table, each counted once, `conditions` what tells them, in the order in which they may be deleted: whatever
    is left, a later search still finds the rest. `records` is how many the directory has, `left` is 0 once every row
    is gone, those that take others back included.
    """

    databases: list[str] = field(default_factory=list)
    actors: list[str] = field(default_factory=list)
    progress: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    conditions: list[Condition] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    records: int = 0
    left: int = 0

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.rows.values())


def count(client: Client, condition: Condition) -> tuple[int, int]:
    """How many rows a condition tells, and how many without those that only take others back."""
    counted = "countIf(NOT deleted)" if condition.table.rpartition(".")[2] in _TAKEN_BACK else "count()"
    query = f"SELECT count(), {counted} FROM {condition.table} WHERE {condition.where}"  # noqa: S608 - this module's
    ((every, told),) = client.query(query, parameters=condition.parameters).result_rows
    return int(every), int(told)


def find(client: Client, public: str, raw_topic: str, person: Person) -> Found:
    """Look everywhere; raises ClickHouse's errors."""
    stored = Found([str(name) for (name,) in client.query(_DATABASES, {"public": public}).result_rows])
    named = [*person.known_as, *_there(client, stored.databases, person.hidden_as)]
    named += sorted(_actors(client, stored.databases, person) - set(named))
    runs = _anonymous(client, stored.databases, person, named)
    students = Students([*named, *runs], person.names)
    webhooks = find_webhooks(client, public, stored.databases, person.known_as[0], students)
    hidden = sorted({person.hidden(owner) for owner in webhooks.owners})
    named += sorted({*webhooks.owners, *_there(client, stored.databases, hidden)} - {*named, *runs})
    # A letter and what became of it have one place.
    letters = {
        database: list(dict.fromkeys(find_letters(client, database, raw_topic, students)))
        for database in stored.databases
    }
    lettered = {letter.webhook for some in letters.values() for letter in some if letter.webhook >= 0}
    stored.actors = [*named, *runs]
    stored.progress = {actor: _progress(client, stored.databases, actor) for actor in stored.actors}
    # What leads to other rows goes after them: letters after webhooks, a user's rows after those of names and runs.
    stored.conditions = [
        *webhooks_with(public, stored.databases, sorted(webhooks.anonymous)),
        *_rows(stored.databases, runs, None),
        *webhooks_with(public, stored.databases, sorted({*webhooks.ids, *lettered} - webhooks.anonymous)),
        *(condition for database in stored.databases for condition in _letters(database, letters[database])),
        *_rows(stored.databases, named, person.user),
        *_claims(stored.databases, stored.actors),
    ]
    stored.rows = {f"{public}.raw": 0}
    for condition in stored.conditions:
        every, told = count(client, condition)
        stored.rows[condition.table] = stored.rows.get(condition.table, 0) + told
        stored.left += every
    if person.user is not None:
        ids = {*webhooks.ids, *webhooks.anonymous, *lettered}
        for database in stored.databases:
            twice = client.query(_LOGGED, {"database": database, "user": person.user}).result_rows
            stored.rows[f"{database}.webhooks"] -= sum(identity in ids for (identity,) in twice)
    return stored


def _there(client: Client, databases: list[str], actors: Sequence[str]) -> list[str]:
    """Those of some actors who have rows."""
    present: set[str] = set()
    for database in databases:
        for table in _BY_ACTOR:
            parameters = {"database": database, "table": table, "actors": list(actors)}
            present |= {str(actor) for (actor,) in client.query(_THERE, parameters).result_rows}
    return sorted(present)


def _actors(client: Client, databases: list[str], person: Person) -> set[str]:
    actors: set[str] = set()
    for database in databases:
        for table in _BY_ACTOR:
            parameters = {"database": database, "table": table}
            if person.names:
                actors |= {
                    name for (name,) in client.query(_NAMED, parameters).result_rows if person.is_named(str(name))
                }
            if person.user is not None:
                rows = client.query(_OF_USER, {**parameters, "user": person.user}).result_rows
                actors |= {name for (name,) in rows if person.may_be(str(name))}
    return actors


def _anonymous(client: Client, databases: list[str], person: Person, named: list[str]) -> list[str]:
    runs: set[str] = set()
    for database in databases:
        for table in (*_WITH_RUNS, "claims"):
            rows = client.query(_RUNS, {"database": database, "table": table, "actors": named}).result_rows
            runs |= {str(run) for (run,) in rows}
    shared: dict[str, set[str]] = {}
    for database in databases:
        for table in (*_WITH_RUNS, "claims"):
            parameters = {"database": database, "table": table, "runs": sorted(runs)}
            for run, actors in client.query(_WHOSE, parameters).result_rows:
                shared.setdefault(str(run), set()).update(map(str, actors))
    return person.anonymous(shared.items(), named)


def _progress(client: Client, databases: list[str], actor: str) -> tuple[list[str], list[str]]:
    slugs: set[str] = set()
    # What came without a telemetry_id has an empty one.
    runs = {""}
    for database in databases:
        for table in _WITH_RUNS:
            for slug, run in client.query(_PLACES, {"database": database, "table": table, "actor": actor}).result_rows:
                slugs.add(str(slug))
                runs.add(str(run))
    return sorted(slugs), sorted(runs)


def _rows(databases: list[str], actors: list[str], user: int | None) -> list[Condition]:
    where, parameters = "actor IN {actors:Array(String)}", {"actors": actors}
    conditions = []
    for database in databases:
        for table in _BY_ACTOR:
            conditions.append(Condition(f"{database}.{table}", where, parameters))
            if user is not None:
                mine = f"user_id = {{user:UInt64}} AND NOT {where}"
                conditions.append(Condition(f"{database}.{table}", mine, {**parameters, "user": user}))
        if user is not None:
            conditions.append(Condition(f"{database}.webhooks", "student_id = {user:UInt64}", {"user": user}))
    return conditions


def _claims(databases: list[str], actors: list[str]) -> list[Condition]:
    run = f"concat('{ANONYMOUS}', telemetry_id)"
    where = f"actor IN {{actors:Array(String)}} OR {run} IN {{actors:Array(String)}}"
    return [Condition(f"{database}.claims", where, {"actors": actors}) for database in databases]


def _letters(database: str, letters: list[Letter]) -> list[Condition]:
    where = "topic = {topic:String} AND partition = {partition:Int32} AND offset = {offset:Int64}"
    return [Condition(f"{database}.dead_letters", where, letter.place) for letter in letters]


def webhooks_with(public: str, databases: list[str], ids: list[int]) -> list[Condition]:
    """What tells the webhooks with these ids, in the logs and in `raw`."""
    # A row of the log is found by the webhook, so it goes first.
    tables = (*(f"{database}.webhooks" for database in databases), f"{public}.raw")
    return [
        Condition(table, "id IN {ids:Array(UInt64)}", {"ids": ids[begin : begin + _IDS_AT_ONCE]})
        for begin in range(0, len(ids), _IDS_AT_ONCE)
        for table in tables
    ]
