"""The tables of docs/capacity.md: `uv run python -m bench.capacity [--write]`; nothing is measured here.

`bench.plan` has the formulas, `bench.skew` the simulation of partitions.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bench.page import with_section
from bench.plan import COSTS, PRICES, RULES, Load, Plan, plan
from bench.skew import shared_key, skew
from schemas.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PAGE", "SECTION", "render"]

PAGE: Final = Path(__file__).parents[1] / "docs" / "capacity.md"
SECTION: Final = "capacity"

_SMALL, _MIDDLE, _LARGE = Load(1_000), Load(100_000), Load(10_000_000, hours=18, peak=1.6)
# So many that a year in Kafka would cost more than all else: older webhooks are in the archive.
_LARGE_RULES: Final = replace(RULES, raw_days=7, table_raw_days=7)
_EXPONENTS: Final = (0.0, 0.5, 1.0)
_PARTITIONED: Final = ((1_000, 8), (100_000, 8), (100_000, 64), (10_000_000, 64), (10_000_000, 256))
_SHARES: Final = (0.001, 0.01, 0.05, 0.2)
# How long a student who works on a day works, in hours.
_SITTING_HOURS: Final = 2.0


def render() -> str:
    """The text between the page's markers."""
    plans = (plan(_SMALL), plan(_MIDDLE), plan(_LARGE, _LARGE_RULES))
    return "\n\n".join((_assumed(), _planned(plans), _priced(), _skewed(), _limits(), _shared()))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    ruler = "| --- |" + " ---: |" * (len(head) - 1)
    return "\n".join((f"| {' | '.join(head)} |", ruler, *(f"| {' | '.join(row)} |" for row in rows)))


def _assumed() -> str:
    texts = {
        "gateway_ms": "gateway, ms of processor",
        "worker_ms": "worker, ms",
        "sink_ms": "sink, ms",
        "kafka_ms": "Kafka, ms, one copy",
        "clickhouse_ms": "ClickHouse, ms, one replica",
        "raw_bytes": "raw topic, bytes, one copy",
        "derived_bytes": "all other topics and the changelog, bytes, one copy",
        "table_raw_bytes": "table `raw`, bytes, one replica",
        "table_kept_bytes": "facts, outcomes, scores, days: bytes, one replica",
    }
    rows = []
    for field in fields(COSTS):
        if field.name in texts:
            event, document = getattr(COSTS, field.name)
            rows.append((texts[field.name], f"{event:,g}", f"{document:,g}"))
    size = f"{COSTS.measured_document_bytes / 1e3:,.0f}"
    return "What a webhook takes\n\n" + _table(("", "streamed event", f"document of {size} kB"), rows)


def _planned(plans: tuple[Plan, ...]) -> str:
    head = ("", *(f"{one.load.students:,} students" for one in plans))
    rows = [
        ("webhooks a day", *(f"{one.load.webhooks_a_day:,.0f}" for one in plans)),
        ("webhooks/s at the peak", *(f"{one.events + one.documents:,.1f}" for one in plans)),
        ("of these documents", *(f"{one.documents:,.1f}" for one in plans)),
        ("MB/s at the peak", *(f"{one.peak_megabytes:,.1f}" for one in plans)),
        ("gateway processes", *(f"{one.gateways:,}" for one in plans)),
        ("partitions", *(f"{one.partitions:,}" for one in plans)),
        ("workers", *(f"{one.workers:,}" for one in plans)),
        ("sinks", *(f"{one.sinks:,}" for one in plans)),
        ("brokers", *(f"{one.brokers:,}" for one in plans)),
        ("their cores, together", *(f"{one.broker_cores:,}" for one in plans)),
        ("their disks, together, GB", *(f"{one.broker_disk_gb:,.0f}" for one in plans)),
        ("ClickHouse replicas", *(f"{one.clickhouse_replicas:,}" for one in plans)),
        ("their cores, together", *(f"{one.clickhouse_cores:,}" for one in plans)),
        ("their memory, together, GB", *(f"{one.clickhouse_memory_gb:,}" for one in plans)),
        ("their disks, together, GB, after a year", *(f"{one.clickhouse_disk_gb:,.0f}" for one in plans)),
        ("archive, GB a year", *(f"{one.archive_gb_a_year:,.0f}" for one in plans)),
        ("US dollars a month", *(f"{one.dollars:,.0f}" for one in plans)),
        ("for each student, cents", *(f"{one.dollars_a_student * 100:,.1f}" for one in plans)),
    ]
    return "What is needed\n\n" + _table(head, rows)


def _priced() -> str:
    rows = [
        ("a core", f"{PRICES.core:,.2f}"),
        ("a GB of memory", f"{PRICES.memory_gb:,.2f}"),
        ("a GB of disk", f"{PRICES.disk_gb:,.3f}"),
        ("a GB of the archive", f"{PRICES.archive_gb:,.3f}"),
        ("a GB between zones", f"{PRICES.traffic_gb:,.3f}"),
    ]
    return "Prices, in US dollars a month: nobody's, to be replaced by yours\n\n" + _table(("", "$"), rows)


def _skewed() -> str:
    rows = [
        (
            f"{students:,} students, {partitions}",
            *(f"{skew(students, partitions, one).times:.2f}" for one in _EXPONENTS),
        )
        for students, partitions in _PARTITIONED
    ]
    head = ("students, partitions", "all alike", "to the power 0.5", "Zipf's law")
    return "The busiest partition, as a multiple of the mean\n\n" + _table(head, rows)


def _a_webhook_ms() -> float:
    load = _MIDDLE
    document = COSTS.of_document(COSTS.worker_ms, load)
    return (load.events * COSTS.worker_ms[0] + load.documents * document) / (load.events + load.documents)


def _limits() -> str:
    one = 1e3 / _a_webhook_ms()
    rows = []
    for students, partitions in _PARTITIONED:
        found = skew(students, partitions, 1.0)
        whole = one * RULES.busy * partitions / found.times
        rows.append((f"{students:,}, {partitions}", f"{found.share:.1%}", f"{whole:,.0f}"))
    text = (
        f"One partition is worked on by one core at a time: {one:,.0f} webhooks/s of this mixture, "
        f"{one * RULES.busy:,.0f} with the core half busy. With Zipf's law all partitions together take"
    )
    return text + "\n\n" + _table(("students, partitions", "share of the busiest", "webhooks/s until it is full"), rows)


def _shared() -> str:
    one = 1e3 / _a_webhook_ms() * RULES.busy
    rate = (_MIDDLE.events + _MIDDLE.documents) / (_SITTING_HOURS * 3600)
    settings = Settings.model_fields
    student, key = settings["rate_limit"].default / 60, settings["ingest_rate_limit"].default / 60
    rows = [
        ("a class of 30 under one student's key", f"{30 * rate:.1f}", f"{30 * rate / one:.3%}"),
        ("as many as one student's rate allows", f"{student:.0f}", f"{student / one:.2%}"),
        ("a tutorial without users, as much as one ingest key allows", f"{key:,.0f}", f"{key / one:.0%}"),
    ]
    keys = _table(("what has one key", "webhooks/s", "of what a partition takes"), rows)
    shares = [
        (f"{share:.1%}", *(f"{shared_key(share, partitions).times:.1f}" for partitions in (8, 64, 256)))
        for share in _SHARES
    ]
    head = ("share of one key", "8 partitions", "64 partitions", "256 partitions")
    text = (
        f"A student who works sends {rate * 60:.1f} webhooks a minute. What comes under one key stays in one partition"
    )
    return f"{text}\n\n{keys}\n\nThe busiest partition, as a multiple of the mean\n\n{_table(head, shares)}"


def main(write: Annotated[bool, typer.Option(help="Put the tables into docs/capacity.md.")] = False) -> None:  # noqa: FBT002
    """Print the tables."""
    text = render()
    print(text)
    if write:
        PAGE.write_text(with_section(PAGE.read_text("utf-8"), SECTION, text), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
