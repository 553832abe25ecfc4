"""The queries that give what a page shows, with its filters: for who copies one, so with values and not parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gateway.console import queries
from schemas.sql import literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from gateway.insights.stuck import StuckRule
    from gateway.reading.webhook_log import Filters

__all__ = ["STUDENT", "PlainSql"]

# What stands for a student where names are hidden.
STUDENT: Final = "STUDENT"

# Longer lists of students or tutorials nobody wants to paste; the query is then about those of all academies.
_MOST_NAMED: Final = 500
_ONE: Final = "user_id = 10022"
_TUTORIAL: Final = "'exercise-postcard'"
_ACADEMY: Final = "has(academy_ids, 1)"
_STEPS: Final = "step_slug != ''"
_COHORT: Final = (
    "SELECT actor, asset_slug FROM telemetry.telemetry "
    "WHERE trim(BOTH '\" ' FROM JSONExtractRaw(document, 'cohort_id')) = "
)


def _list(values: Iterable[str | int]) -> str:
    return f"({', '.join(map(literal, values))})"


def _among(column: str, values: Collection[str | int]) -> str:
    """A condition that narrows a query to some values; nothing where there are none, or too many to be named."""
    return f" AND {column} IN {_list(values)}" if 0 < len(values) <= _MOST_NAMED else ""


@dataclass(frozen=True, slots=True)
class PlainSql:
    """Makes queries for the public database of this name, from those of gateway.console.queries.

    Without `names` a word stands for each student in them.
    """

    database: str
    names: bool = True

    def _text(self, text: str, *changes: tuple[str, str]) -> str:
        # What students have named comes last, so that nothing is looked for in it.
        text = text.replace("telemetry.", f"{self.database}.")
        for before, after in changes:
            head, found, tail = text.partition(before)
            if not found:
                raise LookupError(before)
            text = f"{head}{after}{tail}"
        return text

    def _student(self, number: int) -> str:
        return literal(number) if self.names else STUDENT

    def _actor(self, actor: str) -> str:
        return literal(actor if self.names else STUDENT)

    def _students(self, numbers: Collection[int]) -> str:
        return _list(sorted(numbers)) if self.names else f"({STUDENT})"

    def _named_or_of(self, academy: int, members: Collection[int]) -> str:
        named = f"has(academy_ids, {academy})"
        some = 0 < len(members) <= _MOST_NAMED
        return f"({named} OR student_id IN {self._students(members)})" if some else named

    def minutes(self, academy: int, minutes: int, members: Collection[int]) -> str:
        """Webhooks of an academy and its members by minute and verdict."""
        return self._text(
            queries.MINUTES,
            ("INTERVAL 6 HOUR", f"INTERVAL {minutes} MINUTE"),
            (_ACADEMY, self._named_or_of(academy, members)),
        )

    def ledger(self, academy: int) -> str:
        """The ledger of an academy."""
        return self._text(queries.LEDGER, ("academy_id = 1", f"academy_id = {academy}"))

    def stuck(
        self,
        rule: StuckRule,
        tutorials: Sequence[str],
        found: Iterable[dict[str, Any]],
        members: Collection[int] | None = None,
        cohort: str = "",
    ) -> str:
        """Who is stuck by a rule: those of some tutorials, of a cohort, and of the academy.

        Its students are its `members` if these are all whom its staff see; else only those are named who were found.
        """
        if members is not None and 0 < len(members) <= _MOST_NAMED:
            among = f" AND user_id IN {self._students(members)}"
            if cohort:
                of_it = _COHORT.replace("telemetry.", f"{self.database}.", 1) + literal(cohort)
                among += f" AND (actor, asset_slug) IN ({of_it})"
        else:
            pairs = sorted({(self._actor(row["actor"]), literal(row["asset_slug"])) for row in found})
            named = ", ".join(f"({actor}, {slug})" for actor, slug in pairs)
            among = f" AND (actor, asset_slug) IN ({named})" if 0 < len(pairs) <= _MOST_NAMED else ""
        of = f" AND asset_slug IN {_list(tutorials)}" if tutorials else ""
        return self._text(
            queries.STUCK,
            (
                "120 AS since, 30 AS seen, 3 AS least, 0 AS stuck",
                f"{rule.minutes} AS since, {rule.seen} AS seen, {rule.failures} AS least, {rule.stuck} AS stuck",
            ),
            ("AND now() + INTERVAL 5 MINUTE", f"AND now() + INTERVAL 5 MINUTE{of}"),
            ("WHERE step_slug != ''", f"WHERE step_slug != ''{among}"),
        )

    def student(self, student: int) -> tuple[str, ...]:
        """The scores of a student, now and by day."""
        wanted = f"user_id = {self._student(student)}"
        return tuple(self._text(text, (_ONE, wanted)) for text in (queries.SCORES, queries.STUDENT_DAYS))

    def timeline(self, student: int, tutorial: str) -> str:
        """What a student did in a tutorial."""
        changes = (_ONE, f"user_id = {self._student(student)}"), (_TUTORIAL, literal(tutorial))
        return self._text(queries.TIMELINE, *changes)

    def tutorials(self, sort: str, found: Collection[str]) -> str:
        """The figures of tutorials of their last day, of those that were found to be the academy's."""
        column = sort.removeprefix("-")
        order = f"{column}{' DESC' if sort != column else ''}" + (", asset_slug" if column != "asset_slug" else "")
        among = _among("asset_slug", found).replace(" AND", "WHERE", 1)
        return self._text(
            queries.TUTORIALS,
            ("ORDER BY students DESC, asset_slug", f"{among}\nORDER BY {order}".lstrip("\n")),
        )

    def tutorial(self, tutorial: str, actors: Iterable[str]) -> tuple[str, ...]:
        """A tutorial's steps, what was tried in each, what these of its students did, and its days."""
        named = sorted({self._actor(actor) for actor in actors})
        among = (_STEPS, f"{_STEPS} AND actor IN ({', '.join(named)})")
        of = (_TUTORIAL, literal(tutorial))
        return (
            self._text(queries.FUNNEL, of),
            self._text(queries.TRIES, of),
            # Without students there is nothing to be asked of them.
            *((self._text(queries.CELLS, among, of),) if named else ()),
            self._text(queries.DAILY, of),
            self._text(queries.SESSIONS, of),
        )

    def webhooks(self, filters: Filters, limit: int, offset: int) -> str:
        """A page of the log."""
        conditions = [self._named_or_of(filters.academy, filters.joined)]
        if filters.students:
            conditions.append(f"student_id IN {self._students(filters.students)}")
        wanted: dict[str, Collection[str | int]] = {
            "asset_id": filters.assets,
            "event": filters.events,
            "status": filters.statuses,
            "if(verdict = '', 'pending', verdict)": filters.verdicts,
        }
        if filters.day is not None:
            conditions.append(f"toDate(created_at) = '{filters.day}'")
        conditions += [f"{column} IN {_list(values)}" for column, values in wanted.items() if values]
        return self._text(
            queries.WEBHOOKS,
            ("LIMIT 50", f"LIMIT {limit}" + (f" OFFSET {offset}" if offset else "")),
            (_ACADEMY, " AND ".join(conditions)),
        )

    def webhook(self, webhook: int) -> str:
        """The facts that a webhook told."""
        return self._text(queries.WEBHOOK, ("= 9012", f"= {webhook}"))
