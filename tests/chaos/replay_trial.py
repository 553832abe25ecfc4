"""A replay under live load, with processes that are killed or frozen meanwhile, and what must be true afterwards."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import clickhouse_connect
import httpx
from clickhouse_connect.driver.exceptions import ClickHouseError

from operations.directory import load_reference
from schemas.wire.generations import Phase
from schemas.wire.topics import Topics
from streams.core.chunk import ChunkProcessor
from streams.core.policy import Policy
from tests.chaos.kafka import members, read_all
from tests.chaos.load import webhooks
from tests.support.commands import as_environment
from tests.support.http_directory import secret
from tests.support.plain_http import PLAIN
from tests.support.replay import comparison, journal, replay, start_replay
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from schemas.settings import Settings
    from tests.support.http_system import HttpSystem
    from tests.support.processes import Child

__all__ = [
    "Client",
    "Keeper",
    "Reader",
    "alone",
    "check_everything",
    "check_recomputed",
    "onward",
    "replay_killed",
    "settled",
    "swap_with",
]

_ME = "/v1/assignment/me/telemetry"
_SENDERS = 8
_LOOK_S = 0.1
# What came while the swap held all of it up is caught up with first.
_STORED_S = 300
# A question counts whole tables.
_QUESTION_S = 0.25


class _Background:
    """Runs beside a trial, in a thread, while its context lasts."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        """Go on until `_stopped` is set."""
        raise NotImplementedError


class Keeper(_Background):
    """Starts worker and sink again when they end, as `up` or a cluster would.

    Parts with a number, as `worker-1`, have a data directory each.
    """

    def __init__(self, system: HttpSystem, *parts: str) -> None:
        super().__init__()
        self.children: dict[str, Child] = {}
        self.ends: Counter[str] = Counter()
        self._system = system
        self._parts = parts

    def __enter__(self) -> Self:
        for part in self._parts:
            name, _, number = part.partition("-")
            own = ("--data", str(self._system.directory / part)) if number else ()
            self.children[part] = self._system.start(name, None, *own)
        return super().__enter__()

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_S):
            for part, child in self.children.items():
                if (code := child.process.poll()) is not None:
                    self.ends[f"{part} {code}"] += 1
                    self.children[part] = self._system.processes.start(child.process.args, self._environment())  # type: ignore[arg-type]

    def _environment(self) -> dict[str, str]:
        return {**as_environment(self._system.settings), "TELEMETRY_DIRECTORY": self._system.settings.directory}


@dataclass
class Client(_Background):
    """Posts webhooks to the gateway at a rate and counts what was answered `ok`."""

    system: HttpSystem
    rate: float
    seed: int
    accepted: int = 0
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def _run(self) -> None:
        asyncio.run(self._post())

    async def _post(self) -> None:
        bodies = (one.value for one in webhooks(10_000_000, random.Random(self.seed), students=40))  # noqa: S311
        began, number = time.monotonic(), itertools.count()
        headers = {"Authorization": f"Token {secret('staff')}", "Academy": "1"}
        async with httpx.AsyncClient(base_url=self.system.url, headers=headers, timeout=30, verify=PLAIN) as http:

            async def send() -> None:
                while not self._stopped.is_set():
                    due = began + next(number) / self.rate
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    try:
                        answer = await http.post(_ME, content=next(bodies))
                    except httpx.HTTPError as error:
                        self.refused.append(repr(error))
                        continue
                    if answer.text == "ok":
                        self.accepted += 1
                    else:
                        self.refused.append(answer.text)

            await asyncio.gather(*(send() for _ in range(_SENDERS)))


class Reader(_Background):
    """Asks the public views all the time: a whole generation never has fewer webhooks than were read before."""

    _QUERY = (
        "SELECT (SELECT count() FROM webhooks), (SELECT count() FROM events), (SELECT count() FROM scores), "
        "(SELECT generation FROM live_generation)"
    )

    def __init__(self, system: HttpSystem) -> None:
        super().__init__()
        self.looks = 0
        self.generations: list[int] = []
        self.wrong: list[str] = []
        self._system = system

    def _run(self) -> None:
        before: tuple[int, ...] = (0, 0, 0)
        client = clickhouse_connect.get_client(
            dsn=self._system.settings.clickhouse.get_secret_value(),
            database=self._system.settings.database,
            autogenerate_session_id=False,
        )
        while not self._stopped.wait(_QUESTION_S):
            *counts, generation = client.query(self._QUERY).result_rows[0]
            self.looks += 1
            if any(now < then for now, then in zip(counts, before, strict=True)):
                self.wrong.append(f"{tuple(counts)} after {before} in generation {generation}")
            before = tuple(map(int, counts))
            if generation not in self.generations[-1:]:
                self.generations.append(int(generation))
        client.close()


def onward(system: HttpSystem) -> tuple[str, ...]:
    """The command that swaps: a replay, or going on with the one that is unfinished."""
    return ("--yes",) if journal(system.settings).step is Phase.IDLE else ("resume", "--yes")


def replay_killed(system: HttpSystem, part: float) -> Phase:
    """Kill a replay once it has this part (0 to 1) of the webhooks; returns the step at which it died."""
    child = start_replay(system, *onward(system))

    def far_enough() -> bool:
        return child.process.poll() is not None or _progress(system) >= part

    eventually(far_enough, 120, f"{part:.0%} of a replay")
    child.kill()
    return journal(system.settings).step


def _progress(system: HttpSystem) -> float:
    """Which part of the webhooks that are stored the generation that is being made has."""
    found = journal(system.settings)
    if found.step is Phase.IDLE:
        return 0.0
    database = f"{system.settings.database}_g{found.last}"
    try:
        ((made, stored),) = system.query(f"SELECT (SELECT count() FROM {database}.webhooks), (SELECT count() FROM raw)")
    except ClickHouseError:
        # Its tables are not there yet.
        return 0.0
    return int(made) / max(int(stored), 1)


def alone(system: HttpSystem) -> bool:
    """Whether the group of the workers, and that of the sinks, has given up its other member."""
    topics = Topics.of(system.settings.model_copy(update={"generation": journal(system.settings).live}))
    groups = (topics.application, f"{topics.prefix}sink.g{topics.generation}")
    return all(asyncio.run(members(system.settings.kafka, group)) == 1 for group in groups)


def settled(zombie: Child) -> bool:
    """Whether a process that was frozen has ended, or was told that its generation is not live and began again."""
    return zombie.process.poll() is not None or any(
        event in zombie.output for event in ("worker stopped", "worker ended", "sink stopped", "sink ended")
    )


def swap_with(system: HttpSystem, arguments: tuple[str, ...], step: Phase, fault: Callable[[Child], None]) -> Child:
    """Start the command and do something once the journal is at a step; returns the command's process."""
    child = start_replay(system, *arguments)

    def there() -> bool:
        return journal(system.settings).step is step or child.process.poll() is not None

    eventually(there, 240, f"the step {step}")
    fault(child)
    return child


def check_everything(system: HttpSystem, client: Client) -> str:
    """What the client counted is in ClickHouse, once, as a pure recomputation says; what there is to tell."""
    assert not client.refused, client.refused[:3]

    def complete() -> bool:
        (row,) = system.query(
            "SELECT (SELECT count() FROM raw), (SELECT count() FROM webhooks), (SELECT count() FROM dead_letters)"
        )
        return row == (client.accepted, client.accepted, 0)

    eventually(complete, _STORED_S, f"{client.accepted} webhooks in ClickHouse")
    return f"{client.accepted} webhooks accepted, stored once; {check_recomputed(system)}"


def check_recomputed(system: HttpSystem) -> str:
    """Hold tables and completions to a recomputation of the log; what there is to tell."""
    assert system.query("SELECT count() - uniqExact(item_id) FROM events") == [(0,)]
    told = replay(system, "--dry-run")
    found = comparison(system, journal(system.settings).last)
    assert found["equal"], told
    assert not any(one["moving"] for one in found["tables"]), told
    written, expected = asyncio.run(_completions(system.settings))
    assert written == expected
    return f"all of it equal to its recomputation; {written.total()} completions written, each once"


async def _completions(settings: Settings) -> tuple[Counter[bytes], Counter[bytes]]:
    """The completions in the topic, and those that a pure fold of the raw topic tells."""
    topics, reference, policy = Topics.of(settings), await load_reference(settings), Policy.of(settings)
    expected: Counter[bytes] = Counter()
    for records in await read_all(settings.kafka, topics.raw, settings.partitions):
        states: dict[bytes, bytes | None] = {}
        for record in records:
            processor = ChunkProcessor(states.get, reference, policy)
            processor.apply(record)
            effects = processor.finish()
            states.update(effects.changes)
            expected.update(value for _, value in effects.completions)
    read = await read_all(settings.kafka, topics.completions, settings.partitions)
    return Counter(one.value for records in read for one in records), expected
