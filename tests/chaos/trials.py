"""Trials: a load, faults while it lasts, and the checker at the end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from schemas.wire.headers import decode_headers
from schemas.wire.topics import Topics
from streams.core.policy import Policy
from tests.chaos import faults
from tests.chaos.arena import Arena
from tests.chaos.checker import check
from tests.chaos.folds import BY_RULE, FakeFold, RealFold
from tests.chaos.kafka import lines, read_all
from tests.chaos.load import counting, webhooks
from tests.chaos.worker_process import WorkerSpec
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from deploy.local.kafka import KafkaNode
    from schemas.settings import Settings
    from tests.chaos.checker import Report
    from tests.support.processes import Processes

__all__ = ["LONG", "Trial", "long_trials", "run_trial"]

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Trial:
    """A load and what happens during it.

    Attributes:
        name: What is printed.
        fault: One of streams' misfortunes.
        times: How often it happens, at random moments.
        records: Records of the load.
        seconds: How long the load lasts.
        real: The real core with webhooks of two days, else the fake one with poison.
        workers: Workers at the start.
        pause_s: Least and most seconds between two faults.
    """

    name: str
    fault: Callable[[Arena, random.Random], None]
    times: int
    records: int
    seconds: float
    real: bool = True
    workers: int = 2
    pause_s: tuple[float, float] = (2.0, 8.0)


def run_trial(
    trial: Trial, settings: Settings, processes: Processes, directory: Path, rnd: random.Random
) -> tuple[Report, Arena]:
    """Run a trial on topics of its own; returns what the checker found."""
    spec = WorkerSpec(
        kafka=settings.kafka,
        topic_prefix=settings.topic_prefix,
        partitions=settings.partitions,
        data_dir="",
        ready_file="",
        real=trial.real,
    )
    load = (
        webhooks(trial.records, rnd, day_ms=2 * _DAY_MS) if trial.real else counting(trial.records, rnd, bad_every=701)
    )
    with Arena(settings, spec, processes, directory) as arena:
        for _ in range(trial.workers):
            arena.add()
        eventually(lambda: all(map(arena.is_ready, arena.workers)), 90, "the workers to be ready")
        pause = trial.seconds / (trial.records / 100)
        loader = arena.load(load, pause_every=100, pause_s=pause)
        for _ in range(trial.times):
            loader.pause(rnd.uniform(*trial.pause_s))
            trial.fault(arena, rnd)
        loader.finish()
        arena.wait_until_done()
        fold = RealFold(Policy.of(settings)) if trial.real else FakeFold()
        report = asyncio.run(check(settings, fold))
        if arena.rule_since is not None:
            report.wrong["rule in force"] += asyncio.run(_lapses_of_rule(settings, arena.rule_since))
        for number in arena.workers:
            arena.remove(number)
    return report, arena


async def _lapses_of_rule(settings: Settings, since: list[int]) -> int:
    """How often a webhook that the rule names was let through after it was in force; 1 if none came by then.

    It is in force for what came after `since` (an offset a partition), and after the first that it ignored.
    """
    topics, lapses, tried = Topics.of(settings), 0, False
    raws = await read_all(settings.kafka, topics.raw, settings.partitions)
    outcomes = await read_all(settings.kafka, topics.outcomes, settings.partitions)
    for raw, packed, begin in zip(raws, outcomes, since, strict=True):
        ignored = {orjson.loads(row)["id"] for row in lines(packed) if BY_RULE in row}
        verdicts = [(one.offset, one.partition << 40 | one.offset in ignored) for one in raw if _is_named(one)]
        first = min([begin, *(offset for offset, by_rule in verdicts if by_rule)])
        lapses += [by_rule for offset, by_rule in verdicts if offset >= first].count(False)
        tried = tried or any(offset >= begin for offset, _ in verdicts)
    return lapses + (not tried)


def _is_named(record: Any) -> bool:
    return decode_headers(record.headers).academy == 1 and orjson.loads(record.value).get("event") == "compile"


LONG = 9_000


def long_trials(node: KafkaNode, kills: int) -> list[Trial]:
    """The long form: every fault, under load from real documents and streamed events."""

    def kill_broker(_arena: Arena, _rnd: random.Random) -> None:
        faults.kill_broker(node)

    def freeze_broker(arena: Arena, _rnd: random.Random) -> None:
        faults.freeze_broker(arena, node, 30)

    seconds = 5.5 * kills
    return [
        Trial("kill -9 a worker", faults.kill, kills, LONG, seconds),
        Trial("kill -9 a worker, with poison", faults.kill, max(kills // 2, 1), 60_000, seconds / 2, real=False),
        Trial("add and remove workers", faults.add_and_remove, 6, LONG, 40),
        Trial("freeze a worker past its session", faults.freeze_past_session, 3, LONG, 45),
        Trial("kill -9 the broker", kill_broker, 2, LONG, 45, pause_s=(6, 12)),
        Trial("freeze the broker for 30 s", freeze_broker, 1, LONG, 45),
        Trial("wipe a worker's directory", faults.wipe, 4, LONG, 45),
        Trial("change a rule between kill and restart", faults.change_rule_while_down, 1, LONG, 25, pause_s=(8, 12)),
    ]
