"""When a worker stops instead of writing dead letters: when a release is bad, not when a client's data is (pure).

A bad release fails for many students. So the failures of one student, however many, end nothing, and neither does what
a client's data alone is to blame for, whoever sends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.dead_letters import DeadLetter

__all__ = ["Limits", "LimitsState", "TooManyDeadLettersError", "Trial", "trials"]

# Stages at which a record fails by what it holds: whoever sends it can make it fail in every release.
_BY_ITS_DATA: Final = frozenset({"decode", "size", "command"})

# Students that are remembered for each partition: kept with the committed offset, whose text is short.
_MOST_KEYS: Final = 32


class TooManyDeadLettersError(Exception):
    """So much fails that the fault is likely ours: stop rather than give the world up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop instead of writing dead letters.

    Attributes:
        run: Most dead letters in a row, in the partitions of a worker together.
        ratio: Largest share of dead letters among a partition's recent records.
        least: Records seen before the share is judged.
        window: Records after which older ones count half.
        keys: Students that must be among those who fail, for either.
    """

    run: int = 100
    ratio: float = 0.5
    least: int = 200
    window: int = 1_000
    keys: int = 10


class Trial(NamedTuple):
    """What became of one record that says something about the release: its student's number, and whether it failed."""

    key: int
    failed: bool


def trials(records: Sequence[Any], dead: Iterable[DeadLetter]) -> list[Trial]:
    """What became of records, in order, without those whose own data is to blame."""
    stages = {letter.record.offset: letter.stage for letter in dead}
    return [
        Trial(crc32(record.key or b""), record.offset in stages)
        for record in records
        if stages.get(record.offset) not in _BY_ITS_DATA
    ]


@dataclass(frozen=True, slots=True)
class LimitsState:
    """Recent records of one partition; kept with its committed offset, so that a restart does not begin anew.

    Attributes:
        run: Dead letters in a row, up to the newest record.
        run_keys: How many students those are of; the last ones of `keys`.
        seen: Recent records.
        failed: Dead letters among them.
        keys: Students of whom one of the recent records failed, the last one at the end.
    """

    run: int = 0
    run_keys: int = 0
    seen: int = 0
    failed: int = 0
    keys: tuple[int, ...] = ()

    def after(self, tried: Iterable[Trial], limits: Limits, elsewhere: Iterable[LimitsState] = ()) -> LimitsState:
        """The state after these records, in order; `elsewhere` are the worker's other partitions as they stand.

        Raises TooManyDeadLettersError if a limit is passed on the way.
        """
        others = list(elsewhere)
        other_runs, other_keys = sum(state.run for state in others), sum(state.run_keys for state in others)
        run, run_keys, seen, failed = self.run, self.run_keys, self.seen, self.failed
        keys = list(self.keys)
        for key, dead in tried:
            seen += 1
            if dead:
                run, failed = run + 1, failed + 1
                if key not in keys[len(keys) - run_keys :]:
                    run_keys = min(run_keys + 1, _MOST_KEYS)
                    keys = [*(known for known in keys if known != key), key][-_MOST_KEYS:]
                if run + other_runs > limits.run and run_keys + other_keys >= limits.keys:
                    message = (
                        f"{run + other_runs} records in a row, of {run_keys + other_keys} students, cannot be processed"
                    )
                    raise TooManyDeadLettersError(message)
                if seen >= limits.least and failed > limits.ratio * seen and len(keys) >= limits.keys:
                    message = f"{failed} of the last {seen} records cannot be processed"
                    raise TooManyDeadLettersError(message)
            else:
                run, run_keys = 0, 0
            if seen >= limits.window:
                seen, failed = seen // 2, failed // 2
                keys = keys[len(keys) - max(run_keys, len(keys) // 2) :]
        return LimitsState(run, run_keys, seen, failed, tuple(keys))
