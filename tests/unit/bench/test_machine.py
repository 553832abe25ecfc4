"""The machine is named, and told at rest from busy."""

from __future__ import annotations

import pytest

from bench.machine import Machine, busy, refusal


def test_the_machine_is_one_line() -> None:
    """Processor, cores, memory and Python: what a figure depends on."""
    told = str(Machine("AMD EPYC", 2, 24 << 30, "3.11.7"))

    assert told == "AMD EPYC, 2 cores, 24 GiB, Python 3.11.7"


def test_this_machine_is_known() -> None:
    """Whatever it is, it has a name, a core and memory."""
    here = Machine.here()

    assert here.processor
    assert here.cores >= 1
    assert here.memory > 1 << 28


def test_the_processors_share_is_a_share() -> None:
    """Of the time since the first look."""
    assert 0 <= busy(0.05) <= 1


@pytest.mark.parametrize(
    ("load", "busy_now", "refused"),
    [
        (0.0, None, False),
        (1.0, None, False),
        (1.01, None, True),
        (7.0, 0.2, False),
        (0.0, 0.21, True),
    ],
)
def test_who_may_write(load: float, busy_now: float | None, *, refused: bool) -> None:
    """Up to a load of one, or by the processors where those were asked."""
    assert (refusal(load, busy_now) is not None) is refused
