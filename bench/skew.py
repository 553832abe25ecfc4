"""How unevenly webhooks fall on partitions, and when one of them is the limit (pure; chance is seeded).

A webhook's partition is that of its key, the student. So the busiest partition has more than its share by two reasons:
students are few and some work more than others, or many write under one key.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

from broker.partitioning import partition_of

__all__ = ["Skew", "shared_key", "skew"]

_SEED: Final = 19
# The busiest are placed one by one; of the others each partition has its share.
_PLACED: Final = 50_000


@dataclass(frozen=True, slots=True)
class Skew:
    """What falls on the busiest partition: `share` of all, and how many times the mean that is."""

    share: float
    times: float


def skew(students: int, partitions: int, exponent: float) -> Skew:
    """Of students whose activity falls with their rank to this power (0: all alike, 1: Zipf's law)."""
    rnd = random.Random(_SEED)  # noqa: S311 - repeatable
    weights = [(rank + 1) ** -exponent for rank in range(min(students, _PLACED))]
    rest = _sum_of_powers(students, exponent) - _sum_of_powers(len(weights), exponent)
    loads = [rest / partitions] * partitions
    for weight, number in zip(weights, rnd.sample(range(1, 10 * students + 1), len(weights)), strict=True):
        loads[partition_of(str(number).encode(), partitions)] += weight
    return _of(loads)


def shared_key(share: float, partitions: int) -> Skew:
    """Of very many students alike, but that this share of all webhooks is under one key."""
    loads = [(1 - share) / partitions] * partitions
    loads[0] += share
    return _of(loads)


def _sum_of_powers(count: int, exponent: float) -> float:
    """The sum of rank ** -exponent over ranks from 1; beyond the first thousands by the integral."""
    exact = min(count, _PLACED)
    total = math.fsum((rank + 1) ** -exponent for rank in range(exact))
    if count > exact:
        low, high = exact + 0.5, count + 0.5
        power = 1 - exponent
        total += math.log(high / low) if power == 0 else float(high**power - low**power) / power
    return total


def _of(loads: list[float]) -> Skew:
    share = max(loads) / sum(loads)
    return Skew(share, share * len(loads))
