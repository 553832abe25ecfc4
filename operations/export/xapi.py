"""Sends facts to a learning record store as xAPI statements: what is there, once, or without end what comes.

1. A page of rows is read behind the place that is done with, and their facts as they are now.
2. Their statements go to the store, batch by batch; what it has already it leaves as it is.
3. The place is written down.

Whatever dies in between, the next run sends the page again, and nothing is there twice: ids of statements follow from
the facts. The tables of another generation were written at other times, so then all is sent again from the beginning.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from broker.clickhouse_errors import CLICKHOUSE_ERRORS, Failure, failure_of, one_line
from operations.export.errors import ExportError
from operations.export.facts import BEGINNING, Place
from operations.export.lrs import batches
from operations.export.progress_file import Reached
from operations.export.voids import Voids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from operations.export.facts import Change, Facts, Page
    from operations.export.lrs import Lrs
    from operations.export.progress_file import ProgressFile
    from operations.export.statements import Fact, Statements

__all__ = ["Export", "Sent"]

# So many that differ, and none that does not, are no accident.
_ALL_DIFFER: Final = 20
_LONGEST_PAUSE: Final = 60.0


@dataclass(slots=True)
class Sent:
    """Statements that the store has now, those of them that void others, and facts that it has with other content."""

    statements: int = 0
    voided: int = 0
    differing: int = 0
    rows: int = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(
            self.statements + other.statements,
            self.voided + other.voided,
            self.differing + other.differing,
            self.rows + other.rows,
        )


@dataclass(frozen=True, slots=True)
class Export:
    """An export of the facts since an instant; with a `file` it goes on from where the last one was.

    One that is `apart`, as it has an end, begins anew and leaves the file to others: it takes from there what was
    voided, and voids nothing, as the others would not know of it. `taken` hears how many statements each batch had.
    """

    facts: Facts
    statements: Statements
    lrs: Lrs
    since: str
    file: ProgressFile | None = None
    taken: Callable[[int], None] = lambda _: None
    apart: bool = False
    voids: Voids = field(default_factory=Voids)

    def __post_init__(self) -> None:
        """Know again what was voided. Raises ExportError where the file cannot be read."""
        known = None if self.file is None else self.file.read()
        for item, versions in {} if known is None else known.voided.items():
            for version in versions:
                self.voids.add(item, version)

    def left(self) -> int:
        """How many rows are to be read now."""
        return self.facts.count(self._begin(self.facts.generation()), 0)

    def once(self) -> Sent:
        """Send all that is there. Raises ExportError and sinks.clickhouse.CLICKHOUSE_ERRORS.

        What was stored in the last minutes is sent, but not written down as done with: the next run looks again.
        """
        return self._all(0, lambda _: None)

    def follow(
        self,
        told: Callable[[Sent], None],
        away: Callable[[str, float], None],
        *,
        every: float = 10,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Send what is there and what comes, once it is settled (operations.export.facts).

        It goes on without end; `away` hears that ClickHouse does not answer. Raises ExportError, and CLICKHOUSE_ERRORS
        at the first look, and later those that do not pass by themselves.
        """
        self.facts.generation()
        pause = 1.0
        while True:
            try:
                self._all(self.facts.settling, told)
            except CLICKHOUSE_ERRORS as error:
                if failure_of(error) is not Failure.WAIT:
                    raise
                away(one_line(error), pause)
                sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = 1.0
                sleep(every)

    def _all(self, settled: int, told: Callable[[Sent], None]) -> Sent:
        total = Sent()
        while not (whole := self._generation(settled, told)).is_whole:
            total += whole.sent
        return total + whole.sent

    def _generation(self, settled: int, told: Callable[[Sent], None]) -> _Pass:
        """Send what one generation has, as long as it is the one that the views read."""
        sent, generation, done_with = Sent(), self.facts.generation(), self.facts.settled_at()
        for page in self.facts.pages(self._begin(generation), settled):
            of_page = self._send(page)
            sent += of_page
            if self.facts.generation() != generation:
                return _Pass(sent, is_whole=False)
            self._write_down(generation, page.last, done_with)
            told(of_page)
        return _Pass(sent, is_whole=True)

    def _send(self, page: Page) -> Sent:
        taken_back = [] if self.apart else page.taken_back
        sent = Sent(voided=len(taken_back), rows=page.rows)
        for batch in batches(orjson.dumps(statement) for statement in self._made(page.facts, taken_back)):
            differing = self.lrs.send(batch)
            if differing == len(batch) >= _ALL_DIFFER:
                message = (
                    f"the LRS at {self.lrs.address} has another statement under each of {len(batch)} ids (409): they"
                    " were sent with another --homepage, --actors or key of pseudonyms; give those, or another LRS."
                )
                raise ExportError(message)
            sent.statements += len(batch) - differing
            sent.differing += differing
            self.taken(len(batch))
        for gone in taken_back:
            self.voids.add(gone.item_id, gone.version)
        return sent

    def _made(self, facts: Sequence[Fact], taken_back: Sequence[Change]) -> Iterator[dict[str, Any]]:
        for fact in facts:
            yield self.statements.of(fact, self.voids.last(fact.item_id))
        for gone in taken_back:
            before = self.voids.last(gone.item_id, gone.version)
            yield self.statements.taken_back(gone.item_id, gone.version, gone.written_at, before)

    def _begin(self, generation: int) -> Place:
        """Where to go on: the beginning for other tables than those of the last run, or facts from before its own."""
        known = None if self.file is None or self.apart else self.file.read()
        if known is None or known.generation != generation or self.since < known.since:
            return BEGINNING
        return known.place

    def _write_down(self, generation: int, last: Place, done_with: str) -> None:
        if self.file is None or self.apart:
            return
        # Another block that is stored now may be seen later, with rows before this place.
        place = last if last.written_at <= done_with else Place(done_with, "0")
        self.file.write(Reached(generation=generation, since=self.since, place=place, voided=self.voids.kept()))


@dataclass(frozen=True, slots=True)
class _Pass:
    sent: Sent
    is_whole: bool
