"""How long one waits for what Kafka has only just been told to make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operations.topics import await_leaders

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient


class Told:
    """What a broker tells of its topics, one answer after another: it learns of what it made a moment later."""

    def __init__(self, *answers: list[list[int]]) -> None:
        """`answers`: for each topic the leaders of its partitions, -1 where there is none."""
        self.left = list(answers)

    async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        """The next answer."""
        topics = self.left.pop(0)
        assert len(topics) == len(names)
        return [{"partitions": [{"leader": leader} for leader in leaders]} for leaders in topics]


async def left_after(told: Told, names: list[str], partitions: int) -> int:
    """How many answers were not needed."""
    client: AIOKafkaAdminClient = told
    await await_leaders(client, names, partitions)
    return len(told.left)


async def test_every_partition_of_every_topic_has_a_leader() -> None:
    """A topic without partitions, and a partition without a leader, are waited for."""
    assert await left_after(Told([[], [0]], [[-1], [0]], [[0], [0]], [[]]), ["a", "b"], 1) == 1


async def test_the_partitions_of_before_are_not_enough() -> None:
    """A topic that was grown is told of with its old partitions for a moment, and those have leaders."""
    assert await left_after(Told([[0, 0]], [[0, 0, -1]], [[0, 0, 0]], [[]]), ["a"], 3) == 1
