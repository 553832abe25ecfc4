"""Sends facts to a learning record store as xAPI statements: what is there, once, or without end what comes.

1. The store is told how students are named, or says that they are named otherwise in it.
2. A page of rows is read behind the place that is done with, and their facts as they are now.
3. Their statements go to the store, batch by batch; what it has already it leaves as it is.
4. What is to be voided is written down, and then voided: whoever goes on has to know that it may be.
5. The place is written down.

Whatever dies in between, the next run sends the page again, and nothing is there twice: ids of statements follow from
the facts. The tables of another generation were written at other times, so then all is sent again from the beginning.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from broker.clickhouse_errors import CLICKHOUSE_ERRORS, Failure, failure_of, one_line
from operations.export.agreement import Agreement
from operations.export.errors import ExportError
from operations.export.facts import BEGINNING, Place
from operations.export.lrs import batches
from operations.export.progress_file import Reached
from operations.export.voids import Voids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from operations.export.facts import Change, Facts, Page
    from operations.export.lrs import Lrs
    from operations.export.progress_file import ProgressFile
    from operations.export.statements import Statements

__all__ = ["Export", "Sent"]

# So many that the store does not let be read, and none that it takes, are no accident.
_ALL_UNREAD: Final = 20
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
        """Know again what was voided. Raises ExportError where the file cannot be read, or is of another export."""
        if self.file is None or (known := self.file.read()) is None:
            return
        known.agreement.expect(self._agreement(), self.file.path)
        for item, versions in known.voided.items():
            for version in versions:
                self.voids.add(item, version)
        for gone in known.voiding:
            self.voids.add(gone.item_id, gone.version)

    def left(self) -> int:
        """How many rows are to be read now."""
        return self.facts.count(self._begin(self.facts.generation()), 0)

    def once(self) -> Sent:
        """Send all that is there. Raises ExportError and sinks.clickhouse.CLICKHOUSE_ERRORS.

        What was stored in the last minutes is sent, but not written down as done with: the next run looks again.
        """
        self._agree()
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
        self._agree()
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

    def _agreement(self) -> Agreement:
        return Agreement.of(self.lrs.address, self.statements)

    def _agree(self) -> None:
        """Begin: hold the store to how names are made, and void what a run that died was about to void."""
        self.lrs.mark(self.statements.mark())
        known = self._known()
        if self.file is not None and known is not None and known.voiding:
            self._void(known.voiding)
            self.file.write(msgspec.structs.replace(known, voided=self.voids.kept(), voiding=[]))

    def _all(self, settled: int, told: Callable[[Sent], None]) -> Sent:
        total = Sent()
        while not (whole := self._generation(settled, told)).is_whole:
            total += whole.sent
        return total + whole.sent

    def _generation(self, settled: int, told: Callable[[Sent], None]) -> _Pass:
        """Send what one generation has, as long as it is the one that the views read."""
        sent, generation, done_with = Sent(), self.facts.generation(), self.facts.settled_at()
        place = begin = self._begin(generation)
        for page in self.facts.pages(begin, settled):
            of_page = self._send(page, generation, place)
            sent += of_page
            if self.facts.generation() != generation:
                return _Pass(sent, is_whole=False)
            # Another block that is stored now may be seen later, with rows before this place.
            place = page.last if page.last.written_at <= done_with else Place(done_with, "0")
            self._write_down(generation, place)
            told(of_page)
        return _Pass(sent, is_whole=True)

    def _send(self, page: Page, generation: int, place: Place) -> Sent:
        sent = self._post(self.statements.of(fact, self.voids.last(fact.item_id)) for fact in page.facts)
        sent.rows = page.rows
        if page.taken_back and not self.apart:
            self._write_down(generation, place, page.taken_back)
            sent += self._void(page.taken_back)
        return sent

    def _void(self, taken_back: Sequence[Change]) -> Sent:
        sent = self._post(
            self.statements.taken_back(
                gone.item_id, gone.version, gone.written_at, self.voids.last(gone.item_id, gone.version)
            )
            for gone in taken_back
        )
        for gone in taken_back:
            self.voids.add(gone.item_id, gone.version)
        return sent + Sent(voided=len(taken_back))

    def _post(self, made: Iterable[dict[str, Any]]) -> Sent:
        sent = Sent()
        for batch in batches(orjson.dumps(statement) for statement in made):
            differing = self.lrs.send(batch)
            if differing.unread == len(batch) >= _ALL_UNREAD:
                message = (
                    f"the LRS at {self.lrs.address} has each of {len(batch)} ids (409) and does not let them be read:"
                    " let the user of TELEMETRY_LRS_USERNAME read statements, so that those can be told that differ."
                )
                raise ExportError(message)
            sent.statements += len(batch) - sum(differing)
            sent.differing += sum(differing)
            self.taken(len(batch))
        return sent

    def _known(self) -> Reached | None:
        return None if self.file is None or self.apart else self.file.read()

    def _begin(self, generation: int) -> Place:
        """Where to go on: the beginning for other tables than those of the last run, or facts from before its own."""
        known = self._known()
        if known is None or known.generation != generation or self.since < known.since:
            return BEGINNING
        return known.place

    def _write_down(self, generation: int, place: Place, voiding: Sequence[Change] = ()) -> None:
        if self.file is None or self.apart:
            return
        self.file.write(
            Reached(
                agreement=self._agreement(),
                generation=generation,
                since=self.since,
                place=place,
                voided=self.voids.kept(),
                voiding=list(voiding),
            )
        )


@dataclass(frozen=True, slots=True)
class _Pass:
    sent: Sent
    is_whole: bool
