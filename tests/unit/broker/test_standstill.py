"""When reading stands still."""

from __future__ import annotations

from aiokafka import TopicPartition

from broker.standstill import Watchdog

ONE, TWO = TopicPartition("facts", 0), TopicPartition("facts", 1)


def test_unread_records_are_noticed_after_patience() -> None:
    """A partition whose records wait while its position does not move is told, others are not."""
    dog = Watchdog(patience=10)

    assert dog.observe(0, {ONE: 5, TWO: 5}, {ONE: 9, TWO: 5}) == []
    assert dog.observe(9, {ONE: 5, TWO: 5}, {ONE: 99, TWO: 5}) == []
    assert dog.observe(10, {ONE: 5, TWO: 5}, {ONE: 99, TWO: 9}) == [ONE]


def test_whoever_moves_is_not_still() -> None:
    """Any progress, and having read everything, start the patience anew."""
    dog = Watchdog(patience=10)
    dog.observe(0, {ONE: 5}, {ONE: 9})

    assert dog.observe(9, {ONE: 6}, {ONE: 9}) == []
    assert dog.observe(18, {ONE: 6}, {ONE: 9}) == []
    assert dog.observe(18.5, {ONE: 9}, {ONE: 9}) == []
    assert dog.observe(30, {ONE: 9}, {ONE: 12}) == []
    assert dog.observe(39, {ONE: 9}, {ONE: 12}) == []
    assert dog.observe(40, {ONE: 9}, {ONE: 12}) == [ONE]


def test_a_paused_partition_is_excused() -> None:
    """What is not read because the buffer is full does not stand still, nor right after it is read again."""
    dog = Watchdog(patience=10)
    dog.observe(0, {ONE: 5}, {ONE: 9})

    assert dog.observe(20, {ONE: 5}, {ONE: 9}, excused=[ONE]) == []
    assert dog.observe(21, {ONE: 5}, {ONE: 9}) == []
    assert dog.observe(31, {ONE: 5}, {ONE: 9}) == [ONE]
