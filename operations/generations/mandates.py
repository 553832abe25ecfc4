"""Which generation a worker or a sink is to work on, by the journal of generations."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from operations.generations.journal import at_live, follow_journal, read_journal
from operations.generations.raw_topic import require_raw_topic
from schemas.wire.generations import JournalError, NewerJournalError
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.settings import Settings
    from schemas.wire.generations import Journal
    from streams.live_progress import LiveProgress

__all__ = ["LiveMandate", "ReplayMandate", "live_mandate", "live_progress", "replay_mandate"]

_log: Final = structlog.stdlib.get_logger("operations")

_LOOK_SECONDS: Final = 1.0


class LiveMandate:
    """To work on the live generation until another one is, with the algorithm that it was computed with.

    Attributes:
        kept: The generations that there are.
    """

    live_progress: LiveProgress | None = None

    def __init__(self, settings: Settings, journal: Journal, *, stores: bool = False) -> None:
        """Be bound to the generation that is live in the journal, or to the one that the settings name.

        `stores` if it is a sink's: the work of those goes on while students are replaced in the generation.
        """
        self._stores = stores
        self._journal = journal
        self._follows = "generation" not in settings.model_fields_set
        number = at_live(settings, journal).generation
        algorithm = journal.generation(number).algorithm or settings.algorithm
        self.settings = settings.model_copy(update={"generation": number, "algorithm": algorithm})
        self.kept = {generation.number for generation in journal.generations} | {number}

    async def holds(self) -> bool:
        """Whether it is still the live one and not paused."""
        if not self._follows:
            return True
        journal = await _last_good(self.settings, self._journal)
        self._journal = journal or self._journal
        return journal is not None and self.holds_by(journal)

    async def ended(self) -> None:
        """Returns when it is paused or another one is live."""
        if not self._follows:
            await asyncio.Event().wait()
        await _until(self.settings, lambda journal: not self.holds_by(journal))

    def holds_by(self, journal: Journal) -> bool:
        """Whether it holds by this journal."""
        if not self._follows:
            return True
        number = self.settings.generation
        return journal.stores(number) if self._stores else journal.serves(number)


class ReplayMandate:
    """To compute a generation beside the live one, behind it."""

    def __init__(self, settings: Settings, live_progress: LiveProgress, journal: Journal) -> None:
        """Be bound to the generation of the settings, which the journal says is to be computed."""
        self.settings = settings
        self.live_progress: LiveProgress | None = live_progress
        self._journal = journal

    async def holds(self) -> bool:
        """Whether it is still to be computed."""
        journal = await _last_good(self.settings, self._journal)
        self._journal = journal or self._journal
        return journal is not None and journal.computes(self.settings.generation)

    async def ended(self) -> None:
        """Returns when it has become live or was given up."""
        await _until(self.settings, lambda journal: not journal.computes(self.settings.generation))


async def _until(settings: Settings, over: Callable[[Journal], bool]) -> None:
    """Return when the journal says so, or is a newer release's: whoever begins again with that is told what to do."""
    try:
        await follow_journal(settings, over)
    except NewerJournalError as error:
        _log.error("the journal is of a newer release", reason=str(error))


async def _last_good(settings: Settings, known: Journal) -> Journal | None:
    """The journal as it stands now; the known one where the topic holds none any more that can be read.

    None where it is a newer release's.
    """
    try:
        return await read_journal(settings)
    except NewerJournalError as error:
        _log.error("the journal is of a newer release", reason=str(error))
        return None
    except JournalError as error:
        _log.warning("the journal cannot be read, the last good one stays", reason=str(error))
        return known


async def live_mandate(settings: Settings, *, stores: bool = False) -> LiveMandate:
    """The mandate of a worker, or of a sink (`stores`), that begins now; waits while generations change.

    A change whose process is no more is finished or undone. Raises aiokafka's KafkaError, JournalError (of a newer
    release's NewerJournalError), and RawTopicError where the settings name another raw topic than the generation's.
    """
    mandate, told = LiveMandate(settings, journal := await read_journal(settings), stores=stores), False
    while not mandate.holds_by(journal):
        from operations.generations.recovery import finish_abandoned  # noqa: PLC0415 - rarely needed

        if not told:
            _log.info("generations change: waiting", step=str(journal.step), target=journal.target)
            told = True
        await finish_abandoned(settings)
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                journal = await follow_journal(settings, lambda latest: latest.serves(latest.live))
        except TimeoutError:
            journal = await read_journal(settings)
        mandate = LiveMandate(settings, journal, stores=stores)
    require_raw_topic(mandate.settings, journal)
    return mandate


async def replay_mandate(settings: Settings) -> ReplayMandate | None:
    """The mandate to compute the generation of the settings; None if the journal knows of no such task.

    Raises as `live_mandate`.
    """
    journal = await read_journal(settings)
    if not journal.computes(settings.generation):
        return None
    require_raw_topic(settings, journal)
    generation = journal.generation(settings.generation)
    with_algorithm = settings.model_copy(update={"algorithm": generation.algorithm or settings.algorithm})
    as_recorded = journal.rollback or generation.rules == "as-recorded"
    return ReplayMandate(with_algorithm, live_progress(settings, journal, as_recorded=as_recorded), journal)


def live_progress(settings: Settings, journal: Journal, *, as_recorded: bool) -> LiveProgress:
    """What follows the live generation, and its verdicts if asked; nothing is connected yet."""
    from streams.live_progress import LiveProgress  # noqa: PLC0415 - the sink does without

    leader, patched = Topics.of(settings).of_generation(journal.live), journal.generation(journal.live).patched
    return LiveProgress(settings.kafka_options(), leader, settings.partitions, as_recorded=as_recorded, patched=patched)
