"""What so many students need of everything, and what it costs (pure): docs/capacity.md has the formulas in words.

All is computed from a load (what students do), costs (what a webhook takes, as measured), rules (how needs become a
plan) and prices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["COSTS", "PRICES", "RULES", "Costs", "Load", "Plan", "Prices", "Rules", "plan"]

_KB: Final = 1e3
_GB: Final = 1e9
_DAYS_OF_A_MONTH: Final = 30.4


@dataclass(frozen=True, slots=True)
class Load:
    """What students do.

    Attributes:
        students: Students who are enrolled.
        active: The share of them who work on a usual day.
        events: Streamed events of one who works, a day.
        documents: Batch documents of one who works, a day: at each opened step, test and quiz.
        document_bytes: The mean size of a document; it grows over a run.
        hours: The hours of a day in which nearly all is sent; around the world they are more.
        peak: How much more the busiest minutes have than the mean of these hours.
    """

    students: int
    active: float = 0.25
    events: int = 60
    documents: int = 12
    document_bytes: float = 40 * _KB
    hours: float = 10
    peak: float = 2.5

    def __post_init__(self) -> None:
        """Raise ValueError where nobody does anything, or in no time."""
        if min(self.students, self.active, self.events + self.documents, self.hours, self.peak) <= 0:
            message = f"{self}: students, the share who work, what they send, hours and peak must be above 0"
            raise ValueError(message)

    @property
    def webhooks_a_day(self) -> float:
        """Events and documents of all students."""
        return self.students * self.active * (self.events + self.documents)

    @property
    def peak_events(self) -> float:
        """Streamed events a second in the busiest minutes."""
        return self._peak(self.events)

    @property
    def peak_documents(self) -> float:
        """Documents a second in the busiest minutes."""
        return self._peak(self.documents)

    def _peak(self, each: int) -> float:
        return self.students * self.active * each / (self.hours * 3600) * self.peak


@dataclass(frozen=True, slots=True)
class Costs:
    """What a webhook takes: (streamed event, document).

    Processor time in milliseconds; bytes on disk of one copy, those of a document of one of `measured_document_bytes`,
    with which they go. Of raw webhooks bytes are counted by days; those of `derived_bytes` are as long in Kafka;
    `table_kept_bytes` stay. A student has `state_bytes` in a worker's store and in Kafka, and `document_kept_bytes` in
    ClickHouse and in the compacted topic of documents, however many webhooks have led there.
    """

    gateway_ms: tuple[float, float] = (0.29, 0.54)
    worker_ms: tuple[float, float] = (0.19, 0.48)
    sink_ms: tuple[float, float] = (0.07, 0.31)
    kafka_ms: tuple[float, float] = (0.18, 0.79)
    clickhouse_ms: tuple[float, float] = (0.22, 0.97)
    raw_bytes: tuple[float, float] = (640, 39 * _KB)
    derived_bytes: tuple[float, float] = (250, 11 * _KB)
    table_raw_bytes: tuple[float, float] = (200, 10 * _KB)
    table_kept_bytes: tuple[float, float] = (80, 350)
    measured_document_bytes: float = 39 * _KB
    state_bytes: float = 30 * _KB
    document_kept_bytes: float = 50 * _KB

    def of_document(self, each: tuple[float, float], load: Load) -> float:
        """A cost of one of a load's documents: what an event costs, and the rest by its bytes."""
        event, document = each
        return event + (document - event) * load.document_bytes / self.measured_document_bytes


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars a month; round figures of no provider, to be replaced by your own."""

    core: float = 25.0
    memory_gb: float = 3.0
    disk_gb: float = 0.10
    archive_gb: float = 0.023
    traffic_gb: float = 0.01


@dataclass(frozen=True, slots=True)
class Rules:
    """How a plan is made of needs.

    Attributes:
        busy: How busy a core may be at the peak: the rest is for catching up, for a machine that is lost, and for luck.
        raw_days: Days that Kafka keeps webhooks; older ones are in the archive (`archive`).
        table_raw_days: Days that the table `raw` keeps them.
        copies: Copies in Kafka.
        replicas: Replicas of ClickHouse; with several there are three Keepers of a core each.
        disk_full: How full a disk is when it is as full as planned.
        kept_days: Days for which facts, outcomes and scores have come in, which nothing deletes.
        broker_most_cores: Cores of one broker.
        broker_most_disk_gb: Disks of one broker: more take too long to fill again when it is lost.
        memory_of_a_core_gb: Of brokers and of ClickHouse; other processes need one.
    """

    busy: float = 0.5
    raw_days: float = 30
    table_raw_days: float = 30
    copies: int = 3
    replicas: int = 2
    disk_full: float = 0.6
    kept_days: float = 365
    broker_most_cores: int = 8
    broker_most_disk_gb: float = 16_000
    memory_of_a_core_gb: int = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What a load needs; cores are of the peak before they are rounded up to processes."""

    load: Load
    events: float
    documents: float
    gateways: int
    workers: int
    sinks: int
    partitions: int
    brokers: int
    broker_cores: int
    broker_disk_gb: float
    clickhouse_replicas: int
    clickhouse_cores: int
    clickhouse_memory_gb: int
    clickhouse_disk_gb: float
    peak_megabytes: float
    archive_gb_a_year: float
    dollars: float

    @property
    def dollars_a_student(self) -> float:
        """A month's costs of one who is enrolled."""
        return self.dollars / self.load.students


COSTS: Final = Costs()
PRICES: Final = Prices()
RULES: Final = Rules()


def plan(load: Load, rules: Rules = RULES, costs: Costs = COSTS, prices: Prices = PRICES) -> Plan:
    """What a load needs under these rules, and what that costs a month.

    A process has one core. Disks hold what comes in the days of their retention, all copies, and are `disk_full` then.
    """
    events, documents = load.peak_events, load.peak_documents
    larger = load.document_bytes / costs.measured_document_bytes

    def cores(each: tuple[float, float]) -> float:
        return (events * each[0] + documents * costs.of_document(each, load)) / 1e3

    def processes(each: tuple[float, float], least: int) -> int:
        return max(least, math.ceil(cores(each) / rules.busy))

    def a_day(each: tuple[float, float]) -> float:
        return load.students * load.active * (load.events * each[0] + load.documents * each[1] * larger) / _GB

    gateways, workers = processes(costs.gateway_ms, 2), processes(costs.worker_ms, 2)
    sinks = processes(costs.sink_ms, 1)
    broker_cores = max(6, math.ceil(cores(costs.kafka_ms) * rules.copies / rules.busy))
    # Two more for who reads.
    clickhouse_cores = rules.replicas * max(4, 2 + math.ceil(cores(costs.clickhouse_ms) / rules.busy))
    keepers = 3 if rules.replicas > 1 else 0

    state, documents_kept = (load.students * each / _GB for each in (costs.state_bytes, costs.document_kept_bytes))
    in_topics = (a_day(costs.raw_bytes) + a_day(costs.derived_bytes)) * rules.raw_days + state + documents_kept
    broker_disk = in_topics * rules.copies / rules.disk_full
    in_tables = a_day(costs.table_raw_bytes) * rules.table_raw_days + a_day(costs.table_kept_bytes) * rules.kept_days
    clickhouse_disk = (in_tables + documents_kept) * rules.replicas / rules.disk_full
    archive = a_day(costs.table_raw_bytes) * 365
    traffic = a_day(costs.raw_bytes) * _DAYS_OF_A_MONTH * (rules.copies + rules.replicas)

    own = gateways + workers + sinks
    memory = own + rules.memory_of_a_core_gb * (broker_cores + clickhouse_cores) + 2 * keepers
    dollars = (
        prices.core * (own + broker_cores + clickhouse_cores + keepers)
        + prices.memory_gb * memory
        + prices.disk_gb * (broker_disk + clickhouse_disk + 2 * state)
        + prices.archive_gb * archive
        + prices.traffic_gb * traffic
    )
    return Plan(
        load=load,
        events=events,
        documents=documents,
        gateways=gateways,
        workers=workers,
        sinks=sinks,
        # Every topic has raw's: twice as many as workers leave room to grow without a copy of the log.
        partitions=max(8, 1 << math.ceil(math.log2(2 * workers))),
        brokers=max(
            3,
            math.ceil(broker_cores / rules.broker_most_cores),
            math.ceil(broker_disk / rules.broker_most_disk_gb),
        ),
        broker_cores=broker_cores,
        broker_disk_gb=broker_disk,
        clickhouse_replicas=rules.replicas,
        clickhouse_cores=clickhouse_cores,
        clickhouse_memory_gb=rules.memory_of_a_core_gb * clickhouse_cores,
        clickhouse_disk_gb=clickhouse_disk,
        peak_megabytes=(events * costs.raw_bytes[0] + documents * load.document_bytes) / 1e6,
        archive_gb_a_year=archive,
        dollars=dollars,
    )
