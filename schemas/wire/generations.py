"""Generations: which one is live, which are kept, and the steps by which another takes over (pure)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from schemas.errors import OperatorError
from schemas.wire.formats import NewerFormatError, format_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["JOURNAL_KEY", "Generation", "Journal", "JournalError", "NewerJournalError", "Phase", "RulesOfReplay"]

JOURNAL_KEY: Final = b"journal"
_JOURNAL: Final = "the journal of generations"
# What an older release would drop by writing the journal anew needs a higher one.
_FORMAT: Final = 1

RulesOfReplay = Literal["as-recorded", "current"]


class JournalError(OperatorError):
    """The journal says otherwise; the text is one line that says what to do."""


class NewerJournalError(NewerFormatError, JournalError):
    """The last journal is of a newer release: which generation is live is not known here, not even by earlier ones."""


def _unreadable(reason: str) -> str:
    return f"the journal of generations cannot be read ({reason}): use the version that wrote it."


class Phase(StrEnum):
    """Where a change of generations stands.

    Before `swapping` a crash is undone and the live generation goes on; from then on the change is finished. While
    students of the live generation are replaced (`patching`), its workers wait and its sinks go on; a crash ends that
    as it stands.
    """

    IDLE = "idle"
    CATCHING_UP = "catching-up"
    PAUSED = "paused"
    SWAPPING = "swapping"
    DROPPING = "dropping"
    PATCHING = "patching"


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One generation and how it was computed.

    `algorithm` None is what the settings say, `began` ISO 8601. `patched` has the offset by partition of the outcomes
    from which on there may be verdicts that replace earlier ones, because students were recomputed in place. `raw` is
    the raw topic that it is computed from, without the prefix; None where no `setup` has remembered it yet.
    `by_settings` is one that is worked on where settings name it, as one of a copy of the log is until `raw switch`.
    `trial` is one that is computed to be compared and given up, whoever goes on with it.
    """

    number: int
    rules: RulesOfReplay = "current"
    algorithm: str | None = None
    began: str = ""
    patched: dict[int, int] = {}
    raw: str | None = None
    by_settings: bool = False
    trial: bool = False


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """The one record of `learnpack.generations`: replaced as a whole, so that no step is ever half written.

    Attributes:
        live: The generation that is worked on and read.
        previous: The one that was live before and is kept to go back to.
        last: The highest number ever given; none is given twice.
        target: The generation that is to become live, unless idle.
        rollback: Whether the target was live before.
        stopped: Of the last change, the raw offset by partition from which the live generation works as the live one.
        generations: Every generation that has topics and tables.
        format: How the record is written.
    """

    format: int = _FORMAT
    live: int = 1
    previous: int | None = None
    last: int = 1
    step: Phase = Phase.IDLE
    target: int | None = None
    rollback: bool = False
    stopped: dict[int, int] = {}
    generations: tuple[Generation, ...] = (Generation(number=1),)

    @classmethod
    def decode(cls, value: bytes | None) -> Journal:
        """The journal of a record; raises JournalError where there is none, NewerJournalError for a newer release's."""
        try:
            # Whoever writes a journal writes all of it: what is left out is not meant to be the default.
            given = msgspec.json.decode(value or b"", type=dict[str, Any])
            _require_known(given)
            journal = msgspec.json.decode(value or b"", type=cls)
        except msgspec.MsgspecError as error:
            raise JournalError(_unreadable(str(error))) from error
        missing = [name for name in ("live", "last", "step", "generations") if name not in given]
        if missing:
            raise JournalError(_unreadable(f"it has no {', '.join(missing)}"))
        numbers = {generation.number for generation in journal.generations}
        if journal.live not in numbers or min(numbers) < 1 or max(numbers) > journal.last:
            raise JournalError(_unreadable("its generations contradict each other"))
        return journal

    @classmethod
    def latest(
        cls, values: Iterable[bytes | None], known: Journal | None, passed_over: Callable[[str], None]
    ) -> Journal | None:
        """The last journal of the topic's records of JOURNAL_KEY, in their order; `known` where they hold none.

        One that cannot be read changes nothing, whoever wrote it: `passed_over` is told why, in one line. Raises
        NewerJournalError where a newer release has written the last one that can be read or is such.
        """
        newer: NewerJournalError | None = None
        for value in values:
            if value is None:
                # Somebody took the journal back; nobody of ours does.
                passed_over(_unreadable("it was deleted"))
                continue
            try:
                known, newer = cls.decode(value), None
            except NewerJournalError as error:
                newer = error
            except JournalError as error:
                passed_over(str(error))
        if newer is not None:
            raise newer
        return known

    @classmethod
    def of_only(cls, number: int) -> Journal:
        """The journal of an installation that has this generation and no other."""
        return cls(live=number, last=number, generations=(Generation(number=number),))

    def encode(self) -> bytes:
        """The record's value."""
        return msgspec.json.encode(self)

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values: partitions, as all names of objects, are texts."""
        plain: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return plain

    def generation(self, number: int) -> Generation:
        """What is known of a generation."""
        return next(
            (generation for generation in self.generations if generation.number == number), Generation(number=number)
        )

    @property
    def surplus(self) -> tuple[int, ...]:
        """Generations that nobody needs any more."""
        needed = {self.live, self.previous, self.target}
        return tuple(
            generation.number
            for generation in self.generations
            if generation.number not in needed and not generation.by_settings
        )

    @property
    def copy(self) -> Generation | None:
        """The newest generation that is computed from a copy of the log and waits for its switch; None without one."""
        waiting = (one for one in self.generations if one.by_settings and one.raw and one.number != self.live)
        return max(waiting, key=lambda generation: generation.number, default=None)

    def number_for(self, raw: str) -> int:
        """The generation to name for a raw topic: what is computed from it already, or the next number."""
        known = (
            generation.number
            for generation in self.generations
            if generation.raw == raw and (generation.by_settings or generation.number == self.live)
        )
        return max(known, default=self.last + 1)

    def serves(self, number: int) -> bool:
        """Whether a generation's webhooks are to be worked on as the live one's."""
        return self.stores(number) and self.step is not Phase.PATCHING

    def stores(self, number: int) -> bool:
        """Whether a generation's derived records are to be stored as the live one's."""
        return number == self.live and self.step not in {Phase.PAUSED, Phase.SWAPPING}

    def computes(self, number: int) -> bool:
        """Whether a generation is to be computed beside the live one."""
        return number == self.target and self.step in {Phase.CATCHING_UP, Phase.PAUSED}

    def remembering(self, number: int, raw: str) -> Journal:
        """A generation is computed from this raw topic; one that is not known yet is so where settings name it."""
        known = {generation.number: generation for generation in self.generations}
        generation = known.get(number) or Generation(number=number, by_settings=True)
        known[number] = msgspec.structs.replace(generation, raw=raw)
        generations = tuple(known[one] for one in sorted(known))
        return msgspec.structs.replace(self, last=max(self.last, number), generations=generations)

    def begun(self, rules: RulesOfReplay, algorithm: str | None, began: str, *, trial: bool = False) -> Journal:
        """A new generation is computed, to become live or as a trial."""
        self._require(Phase.IDLE)
        number = self.last + 1
        raw = self.generation(self.live).raw
        new = Generation(number=number, rules=rules, algorithm=algorithm, began=began, raw=raw, trial=trial)
        return msgspec.structs.replace(
            self,
            last=number,
            step=Phase.CATCHING_UP,
            target=number,
            rollback=False,
            generations=(*self.generations, new),
        )

    def patching(self, outcomes: dict[int, int]) -> Journal:
        """Students are replaced in the live generation; its outcomes end at these offsets, by partition."""
        self._require(Phase.IDLE)
        known = self.generation(self.live)
        first = {number: min(end, known.patched.get(number, end)) for number, end in outcomes.items()}
        new = msgspec.structs.replace(known, patched=known.patched | first)
        others = (generation for generation in self.generations if generation.number != self.live)
        return msgspec.structs.replace(
            self,
            step=Phase.PATCHING,
            generations=tuple(sorted((new, *others), key=lambda generation: generation.number)),
        )

    def unpaused(self) -> Journal:
        """The live generation's workers go on, with the students replaced or not."""
        self._require(Phase.PATCHING)
        return msgspec.structs.replace(self, step=Phase.IDLE)

    def returning(self) -> Journal:
        """The previous generation catches up, to be live again; raises JournalError if none is kept."""
        self._require(Phase.IDLE)
        if self.previous is None:
            message = f"generation {self.live} has no previous one to go back to; a replay makes one."
            raise JournalError(message)
        return msgspec.structs.replace(self, step=Phase.CATCHING_UP, target=self.previous, rollback=True)

    def paused(self) -> Journal:
        """The live generation stands still."""
        self._require(Phase.CATCHING_UP)
        return msgspec.structs.replace(self, step=Phase.PAUSED)

    def undone(self) -> Journal:
        """The live generation goes on; the target goes on catching up."""
        self._require(Phase.PAUSED)
        return msgspec.structs.replace(self, step=Phase.CATCHING_UP)

    def swapping(self, stopped: dict[int, int]) -> Journal:
        """The target has everything that the live generation had at these offsets."""
        self._require(Phase.PAUSED)
        return msgspec.structs.replace(self, step=Phase.SWAPPING, stopped=stopped)

    def swapped(self) -> Journal:
        """Everybody reads the target: it is live."""
        self._require(Phase.SWAPPING)
        assert self.target is not None  # noqa: S101 - whatever swaps has one
        return msgspec.structs.replace(
            self, live=self.target, previous=self.live, step=Phase.IDLE, target=None, rollback=False
        )

    def dropping(self) -> Journal:
        """The target is given up; a generation that was live before stays, a new one is deleted."""
        if self.rollback:
            self._require(Phase.CATCHING_UP)
            return msgspec.structs.replace(self, step=Phase.IDLE, target=None, rollback=False)
        self._require(Phase.CATCHING_UP, Phase.DROPPING)
        return msgspec.structs.replace(self, step=Phase.DROPPING)

    def without(self, number: int) -> Journal:
        """A generation's topics and tables are gone."""
        kept = tuple(generation for generation in self.generations if generation.number != number)
        if number == self.target:
            return msgspec.structs.replace(self, generations=kept, step=Phase.IDLE, target=None)
        return msgspec.structs.replace(self, generations=kept)

    def _require(self, *steps: Phase) -> None:
        if self.step not in steps:
            what = "a rollback" if self.rollback else f"the replay to generation {self.target}"
            if self.step is Phase.IDLE:
                message = "no replay is under way."
            elif self.step is Phase.PATCHING:
                message = "a replay in place is under way; try again in a moment."
            else:
                message = f"{what} is unfinished ({self.step}): `replay resume` goes on, `replay drop` gives it up."
            raise JournalError(message)


def _require_known(given: dict[str, Any]) -> None:
    if (found := format_in(given.get("format"))) > _FORMAT:
        raise NewerJournalError(_JOURNAL, found, _FORMAT, str(given.get("release", "")))
