"""Names of signals."""

from __future__ import annotations

import signal

import pytest

from deploy.run.signals import signal_name


@pytest.mark.parametrize(
    ("number", "name"),
    [(9, "SIGKILL"), (32, "SIG32"), (34, "SIGRTMIN"), (40, "SIGRTMIN+6"), (64, "SIGRTMAX"), (65, "SIG65")],
)
def test_every_signal_has_a_name(number: int, name: str) -> None:
    """Also those that Python does not name."""
    assert signal_name(number) == name


def test_no_signal_is_without_one() -> None:
    """And no two have the same."""
    names = [signal_name(number) for number in range(1, int(signal.SIGRTMAX) + 1)]

    assert len(set(names)) == len(names)
    assert all(name.startswith("SIG") for name in names)
