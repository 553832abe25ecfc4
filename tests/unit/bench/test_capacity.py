"""What so many students need, and how webhooks fall on partitions."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Final

import pytest

from bench import page as performance
from bench.capacity import PAGE, SECTION, render
from bench.page import with_section
from bench.plan import COSTS, RULES, Load, Plan, plan
from bench.skew import shared_key, skew

# Of freshness at 1,000 webhooks/s: what a streamed event costs each part.
MEASURED: Final = ("gateway", "worker", "sink", "kafka", "clickhouse")
# Figures of the page are of one day; a plan is made for years, and rounds up.
FACTOR: Final = 1.6


def needs(made: Plan) -> dict[str, float]:
    """Everything in a plan that there may be more or less of."""
    return {
        field.name: getattr(made, field.name)
        for field in fields(made)
        if isinstance(getattr(made, field.name), int | float)
    }


def test_the_page_has_what_the_formulas_say() -> None:
    """Its tables are written by the command that prints them."""
    page = PAGE.read_text("utf-8")

    assert with_section(page, SECTION, render()) == page, "run `uv run python -m bench.capacity --write`"


def test_costs_are_those_that_were_measured() -> None:
    """What is planned with is not far from the page of measurements, and errs on the side of more."""
    text = performance.PAGE.read_text("utf-8")
    (row,) = re.findall(r"^\| 1,000 \| (\d\.\d\d \|.*)$", text, re.MULTILINE)
    found = dict(zip(MEASURED, map(float, row.split(" | ")), strict=False))

    for part, milliseconds in found.items():
        event, document = getattr(COSTS, f"{part}_ms")
        assert milliseconds / FACTOR <= event <= milliseconds * FACTOR, part
        assert document > event, part


@pytest.mark.parametrize("students", [10, 10_000, 3_000_000])
def test_more_students_never_need_less(students: int) -> None:
    """Whatever is rounded up to processes and disks, it does not fall."""
    few, many = needs(plan(Load(students))), needs(plan(Load(2 * students)))

    assert {name for name in few if many[name] < few[name]} == set()


def test_days_of_retention_are_what_disks_are_for() -> None:
    """Twice the days in Kafka take twice the disks of brokers, but for what is kept once, and nothing else."""
    load = Load(1_000_000)
    month, two = plan(load), plan(load, replace(RULES, raw_days=60))

    assert 1.5 < two.broker_disk_gb / month.broker_disk_gb < 2
    assert (two.clickhouse_disk_gb, two.workers) == (month.clickhouse_disk_gb, month.workers)


def test_many_students_who_are_alike_fall_evenly() -> None:
    """The more there are, the nearer the busiest partition is to the mean; it is never below."""
    few, many = skew(1_000, 8, 0.0), skew(100_000, 8, 0.0)

    assert 1 <= many.times < few.times < 1.4
    assert many.share == pytest.approx(many.times / 8)


def test_the_busiest_student_bounds_the_busiest_partition() -> None:
    """Partitions do not divide what one student does."""
    alone = 1 / sum(1 / (rank + 1) for rank in range(1_000))

    for partitions in (8, 64, 1_024):
        assert skew(1_000, partitions, 1.0).share >= alone


@pytest.mark.parametrize("partitions", [8, 64])
def test_one_key_is_in_one_partition(partitions: int) -> None:
    """Its share stays there, beside that partition's share of the rest."""
    found = shared_key(0.2, partitions)

    assert found.share == pytest.approx(0.2 + 0.8 / partitions)
    assert found.times == pytest.approx(0.2 * partitions + 0.8)


@pytest.mark.parametrize("nothing", [{"students": 0}, {"students": 10, "hours": 0}, {"students": 10, "active": -1}])
def test_a_load_is_somebody_who_does_something(nothing: dict[str, float]) -> None:
    """Else a division by nothing would say it."""
    with pytest.raises(ValueError, match="must be above 0"):
        Load(**nothing)  # type: ignore[arg-type]  # numbers all
