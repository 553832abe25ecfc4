"""Applies the core to the records of a chunk and sorts out those that it cannot take (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from schemas.wire.formats import NewerFormatError
from streams.dead_letters import DeadLetter, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Core", "Effects", "Load", "Processed", "Processor", "SplitError", "process"]

# More bad records in a chunk than this, and halving it costs less than starting it again for each.
_MAX_RESTARTS: Final = 16

# Bytes of state that a chunk reads, which take several times that once they are decoded. Thousands of students as they
# are fit; what a few make as large as it can be does not pile up.
_MAX_LOADED: Final = 32 << 20


class Load(Protocol):
    """Reads a value of the partition's state table."""

    def __call__(self, key: bytes, /) -> bytes | None:
        """The value, None if there is none."""


class Effects(Protocol):
    """What a chunk leads to (streams.core.effects has the records' fields); lines are JSON without a newline."""

    @property
    def facts(self) -> Sequence[bytes]:
        """Lines of facts."""

    @property
    def outcomes(self) -> Sequence[bytes]:
        """Lines of outcomes."""

    @property
    def scores(self) -> Sequence[bytes]:
        """Lines of scores."""

    @property
    def telemetry(self) -> Sequence[tuple[bytes, bytes | None, list[tuple[str, bytes]]]]:
        """Documents: key, value (None is a tombstone) and headers."""

    @property
    def completions(self) -> Sequence[tuple[bytes, bytes]]:
        """Completions: key and value."""

    @property
    def directory(self) -> Sequence[tuple[str, bytes, bytes | None]]:
        """Records of reference topics: kind, key and value (None is a tombstone)."""

    @property
    def changes(self) -> Sequence[tuple[bytes, bytes | None]]:
        """Changes of the state table: key and value (None deletes)."""

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many records got which verdict."""


class Processor(Protocol):
    """Applies the records of one chunk in order; of no use after it raised."""

    def apply(self, record: Any, /) -> None:
        """Take the next record in; raises whatever is wrong with it."""

    def finish(self) -> Effects:
        """What all of them lead to."""


@dataclass(frozen=True, slots=True)
class Core:
    """The pure core as the worker uses it.

    Attributes:
        processor: Makes a processor for one chunk.
        dead_outcome: The outcome row of a record that became a dead letter, from the record and the reason.
    """

    processor: Callable[[Load], Processor]
    dead_outcome: Callable[[Any, str], bytes]


class SplitError(Exception):
    """The records must be processed in smaller pieces."""


@dataclass(frozen=True, slots=True)
class Processed:
    """What came of some records of one partition.

    Attributes:
        effects: Of the good ones; None if there was none.
        dead: The others, in order.
    """

    effects: Effects | None
    dead: Sequence[DeadLetter]


def process(core: Core, load: Load, records: Sequence[Any]) -> Processed:
    """Run the core over the records; one that makes it raise is left out and the others are run again.

    Deterministic as the core is, and without effect on the state: the caller commits.

    Raises:
        SplitError: If too many records are bad, they need too much state, or the core raises at the end of several.
        NewerFormatError: If the state is of a newer release.
    """
    dead: dict[int, DeadLetter] = {}
    while len(dead) < len(records):
        processor = core.processor(_within(load, _MAX_LOADED) if len(records) > 1 else load)
        bad = _apply(processor, records, dead)
        if bad is None:
            try:
                effects = processor.finish()
            except Exception as error:  # the core's fault, whatever it is
                if len(records) > 1:
                    message = "the core raised at the end of a chunk"
                    raise SplitError(message) from error
                dead[0] = describe(records[0], error)
            else:
                return _processed(effects, dead)
        else:
            dead[bad[0]] = bad[1]
        if len(dead) > _MAX_RESTARTS and len(records) > 1:
            message = f"{len(dead)} records of a chunk cannot be processed"
            raise SplitError(message)
    return _processed(None, dead)


def _within(load: Load, limit: int) -> Load:
    """The same, until the values read have more than `limit` bytes together; then it raises SplitError."""
    loaded = 0

    def read(key: bytes) -> bytes | None:
        nonlocal loaded
        value = load(key)
        if value is not None:
            loaded += len(value)
            if loaded > limit:
                message = f"more than {limit} bytes of state for one chunk"
                raise SplitError(message)
        return value

    return read


def _apply(processor: Processor, records: Sequence[Any], skip: dict[int, DeadLetter]) -> tuple[int, DeadLetter] | None:
    """The first record on which the core raises, by its place.

    The exception itself is not handed on: it holds the frames of its traceback, and whichever of them held it would be
    a cycle around all that the chunk made.
    """
    index = 0
    try:
        if not skip:
            for index, record in enumerate(records):  # noqa: B007 - the index of the record that raises
                processor.apply(record)
        else:
            for index, record in enumerate(records):
                if index not in skip:
                    processor.apply(record)
    except (SplitError, NewerFormatError):
        raise
    except Exception as error:
        # The core says so by itself of what it will not do at once.
        if getattr(error, "halve", False) and len(records) > 1:
            raise SplitError(str(error)) from error
        return index, describe(records[index], error)
    return None


def _processed(effects: Effects | None, dead: dict[int, DeadLetter]) -> Processed:
    return Processed(effects, [dead[index] for index in sorted(dead)])
