"""What viewers cost whoever sends, and how soon they are told: on the system that bench.insights has filled."""

from __future__ import annotations

import asyncio
import contextlib
import re
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import clickhouse_connect
import httpx

from bench.insights_data import ACADEMY
from bench.posting import Posted, Poster, find
from gateway.insights.sql_webhooks import STORED_ENDS, stored_since
from schemas.wire.place import split_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

__all__ = ["Kept", "cut", "keep_rate", "seconds_until_told", "told_line"]

_STREAM: Final = "/v1/telemetry/academy/webhooks/stream"
# What a viewer looks at: it listens, and asks again as often as a page does while webhooks come.
_LOOKED_AT: Final = ("/console/stuck", "/console/", "/v1/telemetry/academy/students/stuck")
_AGAIN_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.02
_REST_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 30.0
_ID: Final = re.compile(rb"^id: (\d+)$", re.MULTILINE)


@dataclass(slots=True)
class Kept:
    """What became of webhooks at a rate while so many looked on.

    Attributes:
        window: Seconds from the first POST until the last was answered.
        fresh: For each webhook, seconds from its POST until a SELECT found its fact.
        answers: Of viewers' requests, seconds.
        refused: Of these, how many were not answered.
    """

    viewers: int
    posted: Posted = field(default_factory=Posted)
    window: float = 0.0
    fresh: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    refused: int = 0

    def row(self) -> str:
        """A row of the table."""
        late, seen = cut(self.fresh, 0.99), cut(self.answers, 0.95)
        return (
            f"| {self.viewers} | {self.posted.answered / max(self.window, 1e-9):,.0f}/s of {self.posted.asked:,} | "
            f"{cut(self.fresh, 0.5):.2f} s | {late:.2f} s | {len(self.answers):,} | "
            f"{'-' if not self.answers else f'{seen * 1e3:,.0f} ms'} | {self.refused:,} |"
        )


def cut(values: list[float], share: float) -> float:
    """The least of some values that so many of them are not above; the slowest itself where they are few."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


@contextlib.contextmanager
def _store(env: dict[str, str], database: str) -> Iterator[Client]:
    client = clickhouse_connect.get_client(
        dsn=env["TELEMETRY_CLICKHOUSE"], database=database, autogenerate_session_id=False
    )
    with contextlib.closing(client):
        yield client


async def seconds_until_told(env: dict[str, str], database: str, secret: str, count: int) -> list[float]:
    """Of so many webhooks, one after another: seconds from a SELECT that finds the outcome to the event that tells it.

    The SELECT is taken as begun and not as answered, so the outcome may have been there a little longer than that.
    """
    told: dict[int, float] = {}
    posted, poster = Posted(), Poster(env["TELEMETRY_GATEWAY_URL"], env["TELEMETRY_TOKEN"])
    await poster.connect()
    headers = {"Authorization": f"Token {secret}", "Academy": str(ACADEMY)}
    found: list[float] = []
    async with httpx.AsyncClient(
        base_url=env["TELEMETRY_GATEWAY_URL"], headers=headers, trust_env=False, timeout=_ANSWER_SECONDS
    ) as client:
        watching = asyncio.Event()
        listening = asyncio.create_task(_listen(client, told, watching))
        await watching.wait()
        with _store(env, database) as store:
            ends = {row["partition"]: row["last"] for row in store.query(STORED_ENDS).named_results()}
            for number in range(count):
                await poster.post(range(number, number + 1), 1_000, posted)
                for webhook, seen in (await _stored(store, ends)).items():
                    await _until(told, webhook)
                    found.append(max(0.0, told[webhook] - seen))
        listening.cancel()
        await asyncio.wait([listening])
    return found


async def _listen(client: httpx.AsyncClient, told: dict[int, float], watching: asyncio.Event) -> None:
    async with client.stream("GET", _STREAM) as answer:
        async for part in answer.aiter_raw():
            now = time.monotonic()
            if b"event: watching" in part:
                watching.set()
            for number in _ID.findall(part):
                told.setdefault(int(number), now)


async def _stored(store: Client, ends: dict[int, int]) -> dict[int, float]:
    """The webhooks that are stored next, with when a look that found them began."""
    deadline = time.monotonic() + _REST_SECONDS
    while time.monotonic() < deadline:
        began = time.monotonic()
        sql, parameters = stored_since(ends)
        rows = (await asyncio.to_thread(store.query, sql, parameters)).named_results()
        seen = {int(row["id"]): began for row in rows}
        for webhook in seen:
            partition, _ = split_place(webhook)
            ends[partition] = max(ends.get(partition, 0), webhook)
        if seen:
            return seen
    message = "a webhook was not stored within a minute"
    raise SystemExit(message)


async def _until(told: dict[int, float], webhook: int) -> None:
    deadline = time.monotonic() + _REST_SECONDS
    while webhook not in told and time.monotonic() < deadline:  # noqa: ASYNC110 - a deadline
        await asyncio.sleep(0.001)
    if webhook not in told:
        message = f"webhook {webhook} was stored, and nobody was told within a minute"
        raise SystemExit(message)


async def keep_rate(
    env: dict[str, str], database: str, secret: str, numbers: range, *, rate: int, viewers: int
) -> Kept:
    """Post the webhooks of these numbers, so many a second, while so many look on."""
    kept, over = Kept(viewers), asyncio.Event()
    poster = Poster(env["TELEMETRY_GATEWAY_URL"], env["TELEMETRY_TOKEN"])
    await poster.connect()
    looking = [asyncio.create_task(_look(env, secret, place, kept, over)) for place in range(viewers)]
    with _store(env, database) as store:
        finding = asyncio.create_task(
            find(store, f"{database}_g1.events", kept.posted, kept.fresh, over, pause=_POLL_SECONDS)
        )
        began = time.monotonic()
        await poster.post(numbers, rate, kept.posted)
        kept.window = time.monotonic() - began
        deadline = time.monotonic() + _REST_SECONDS
        while len(kept.fresh) < kept.posted.answered and time.monotonic() < deadline:  # noqa: ASYNC110 - a deadline
            await asyncio.sleep(_POLL_SECONDS)
        over.set()
        await asyncio.gather(finding, *looking)
    return kept


async def _look(env: dict[str, str], secret: str, place: int, kept: Kept, over: asyncio.Event) -> None:
    """Listen, and ask for what this viewer looks at, until it is over."""
    address = _LOOKED_AT[place % len(_LOOKED_AT)]
    headers = {"Authorization": f"Token {secret}", "Academy": str(ACADEMY)}
    async with httpx.AsyncClient(
        base_url=env["TELEMETRY_GATEWAY_URL"], headers=headers, trust_env=False, timeout=_ANSWER_SECONDS
    ) as client:
        await client.post("/console/login", data={"token": secret})
        listening = asyncio.create_task(_listen(client, {}, asyncio.Event()))
        # Not all of them in the same moment.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _AGAIN_SECONDS * (place % 10) / 10)
        while not over.is_set():
            began = time.monotonic()
            answer = await client.get(address)
            if answer.is_success:
                kept.answers.append(time.monotonic() - began)
            else:
                kept.refused += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), _AGAIN_SECONDS)
        listening.cancel()
        await asyncio.wait([listening])


def told_line(seconds: list[float]) -> str:
    """What `seconds_until_told` found, in a sentence."""
    middle, late = (f"{one * 1e3:,.0f} ms" for one in (statistics.median(seconds), cut(seconds, 0.95)))
    worst = f"{max(seconds) * 1e3:,.0f} ms"
    return f"From a SELECT that finds an outcome to the event that tells it: p50 {middle}, p95 {late}, slowest {worst}."
