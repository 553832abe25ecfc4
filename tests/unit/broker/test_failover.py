"""Which of several servers is asked next."""

from __future__ import annotations

import pytest

from broker.failover import PAUSE_SECONDS, Failover

NOW = 1000.0


@pytest.fixture
def three() -> Failover:
    """Three servers of which nothing is known yet."""
    return Failover(("one:1", "two:2", "three:3"))


def test_the_first_is_the_favourite(three: Failover) -> None:
    """As long as nobody fails all are asked in the order of the setting, so readers see what writers wrote."""
    assert three.order(NOW) == [0, 1, 2]


def test_who_failed_comes_last(three: Failover) -> None:
    """The others come first, and of several that failed the one whose time is over sooner."""
    three.failed(0, NOW, "refused")
    three.failed(1, NOW - 1, "refused")

    assert three.order(NOW + 1) == [2, 1, 0]


def test_one_caller_finds_out_whether_a_server_is_back(three: Failover) -> None:
    """When its time is over one caller tries it, and the others go on without waiting for how that ends."""
    three.failed(0, NOW, "refused")
    later = NOW + PAUSE_SECONDS

    assert three.order(later - 0.001) == [1, 2, 0]
    assert three.order(later) == [0, 1, 2]
    assert three.order(later) == [1, 2, 0]


def test_who_answers_again_is_the_favourite_again(three: Failover) -> None:
    """Nothing is left of a failure once the server has answered."""
    three.failed(0, NOW, "refused")
    three.answered(0)

    assert three.order(NOW) == [0, 1, 2]


def test_all_are_tried_when_all_have_failed(three: Failover) -> None:
    """Nobody gives up before each server has been asked."""
    for server in range(3):
        three.failed(server, NOW + server, "refused")

    assert three.order(NOW + 3) == [0, 1, 2]
