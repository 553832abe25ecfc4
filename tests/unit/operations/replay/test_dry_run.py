"""A dry run stays one, whoever goes on with it. Only the journal's last word counts, which a list keeps here."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from operations.replay.run import ReplayOptions, begin
from schemas.settings import Settings
from schemas.wire.generations import Journal, JournalError

if TYPE_CHECKING:
    from operations.generations.journal import JournalWriter

SETTINGS = Settings(_env_file=None)


class Writer:
    """What writes the journal, without a topic behind it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    async def write(self, journal: Journal) -> None:
        """Keep the journal."""
        self.journal = journal


async def begun(options: ReplayOptions, writer: Writer) -> ReplayOptions:
    """What holds when a replay begins or goes on with these options."""
    return await begin(SETTINGS, options, cast("JournalWriter", writer))


async def test_a_resumed_dry_run_stays_one() -> None:
    """It compares and leaves nothing behind, as was asked for when it began."""
    writer = Writer(Journal())

    assert (await begun(ReplayOptions(dry_run=True), writer)).dry_run
    assert writer.journal.generation(2).trial
    assert (await begun(ReplayOptions(resume=True), writer)).dry_run
    assert (await begun(ReplayOptions(dry_run=True), writer)).dry_run


async def test_a_dry_run_is_not_gone_on_with_as_a_replay() -> None:
    """Nor the other way round: the unfinished one is named."""
    dry, real = Writer(Journal()), Writer(Journal())
    await begun(ReplayOptions(dry_run=True), dry)
    await begun(ReplayOptions(), real)

    with pytest.raises(JournalError, match=r"a replay with --dry-run --rules as-recorded .* is unfinished"):
        await begun(ReplayOptions(), dry)
    with pytest.raises(JournalError, match=r"a replay with --rules as-recorded .* is unfinished"):
        await begun(ReplayOptions(dry_run=True), real)
    assert not (await begun(ReplayOptions(resume=True), real)).dry_run


async def test_a_journal_of_before_has_no_dry_runs() -> None:
    """What is unfinished there may become live."""
    written = Journal().begun("as-recorded", "1.1", "").encode().replace(b',"trial":false', b"")
    assert b"trial" not in written

    assert not (await begun(ReplayOptions(resume=True), Writer(Journal.decode(written)))).dry_run
