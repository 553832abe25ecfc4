"""How soon insights answer: `uv run python -m bench.insights [--students 10000 --facts 1000000 --rounds 30]`.

The whole system as `up` runs it, at rest, with the rows of a school in its tables (bench.insights_data) and the bundled
documents sent through it. Each address, and each page of the console, is asked one time after another over a kept
connection by staff of an academy of all the students. `first` is before anything of it is kept. Then webhooks are sent,
and the time is taken until listeners are told of each, and at a steady rate, without viewers and with many.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import httpx
import orjson
import typer

from bench.insights_data import ACADEMY, School, fill
from bench.insights_viewers import cut, keep_rate, seconds_until_told, told_line
from bench.machine import MOST_BUSY, busy
from bench.page import run
from bench.up import system
from deploy.demo.documents import demo_documents
from operations.directory import publish_reference
from operations.tokens import CAPABILITIES, NewToken, grant
from schemas.settings import Settings, load_settings
from schemas.wire.topics import Topics

__all__ = ["ADDRESSES", "PAGES", "main"]

_ACADEMY: Final = "/v1/telemetry/academy"
_TUTORIAL: Final = f"{_ACADEMY}/assets/tutorial-7"
# Of the bundled documents: what is explained has a document.
_STUDENT: Final = f"{_ACADEMY}/students/10022"
_LOG: Final = "/v1/assignment/academy/learnpack/webhook"
_WEBHOOK: Final = "{webhook}"

ADDRESSES: Final = (
    f"{_ACADEMY}/overview",
    f"{_ACADEMY}/overview?since=24h",
    f"{_ACADEMY}/students/stuck",
    f"{_ACADEMY}/students/stuck?since=7d&seen=7d",
    f"{_ACADEMY}/students/stuck?since=7d&seen=7d&asset=tutorial-7",
    f"{_ACADEMY}/assets",
    *(f"{_TUTORIAL}/{figures}" for figures in ("daily", "funnel", "heatmap", "sessions")),
    _STUDENT,
    f"{_STUDENT}/assets/exercise-postcard",
    f"{_ACADEMY}/webhooks/{_WEBHOOK}/trace",
    f"{_LOG}?limit=20",
    f"{_ACADEMY}/rules/history",
    "/v1/telemetry/dead-letters",
    "/v1/telemetry/operations",
)

# The same figures as pages (docs/console.md), as a browser asks for them.
PAGES: Final = (
    "/console/",
    "/console/?since=24h",
    "/console/stuck",
    "/console/students?q=S12",
    "/console/students/10022",
    "/console/students/10022/tutorial?slug=exercise-postcard",
    "/console/tutorials",
    "/console/tutorials/one?slug=tutorial-7",
    "/console/webhooks",
    f"/console/webhooks/{_WEBHOOK}",
    "/console/rules",
    "/console/letters",
    "/console/operations",
)

_SETTLED_SECONDS: Final = 300
# Webhooks that listeners are told of one by one, and how long others are sent at a rate; all of it with one token.
_TOLD: Final = 50
_SENT_SECONDS: Final = 30
_UNLIMITED: Final = {"TELEMETRY_RATE_LIMIT": "1000000", "TELEMETRY_RATE_LIMIT_BYTES": "10000000000"}
_ANSWER_SECONDS: Final = 60


def main(
    students: Annotated[int, typer.Option(help="Students of the academy.")] = 10_000,
    facts: Annotated[int, typer.Option(help="Facts of a month.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="How often each address is asked.")] = 30,
    viewers: Annotated[int, typer.Option(help="Who look on while webhooks are sent.")] = 50,
    rate: Annotated[int, typer.Option(help="Webhooks a second that are sent meanwhile.")] = 200,
) -> None:
    """Measure."""
    school = School(students, facts)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, system(Path(name) / "up", **_UNLIMITED) as (_, env):
        os.environ.update(env)
        settings = load_settings()
        secret = asyncio.run(_enrol(settings, school))
        seconds = fill(env["TELEMETRY_CLICKHOUSE"], settings.database, school)
        _send(env)
        _settle()
        print(f"{students:,} students, {facts:,} facts, {school.webhooks:,} webhooks, filled in {seconds:.0f} s\n")
        print("| address | bytes | first | p50 | p95 |\n| --- | ---: | ---: | ---: | ---: |")
        headers = {"Authorization": f"Token {secret}", "Academy": str(ACADEMY)}
        with httpx.Client(base_url=env["TELEMETRY_GATEWAY_URL"], headers=headers, trust_env=False) as client:
            for address in ADDRESSES:
                print(_row(client, address.replace(_WEBHOOK, str(school.a_webhook)), rounds), flush=True)
        with httpx.Client(base_url=env["TELEMETRY_GATEWAY_URL"], trust_env=False) as client:
            client.post("/console/login", data={"token": secret})
            for address in PAGES:
                print(_row(client, address.replace(_WEBHOOK, str(school.a_webhook)), rounds), flush=True)
        asyncio.run(_watched(env, settings.database, secret, rate, viewers))


async def _watched(env: dict[str, str], database: str, secret: str, rate: int, viewers: int) -> None:
    """How soon listeners are told, and what viewers cost whoever sends."""
    print(f"\n{told_line(await seconds_until_told(env, database, secret, _TOLD))}", flush=True)
    print("\n| viewers | taken | stored p50 | stored p99 | their answers | p95 | refused |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    # A broker and a worker that have just begun compile their code first.
    await keep_rate(env, database, secret, range(_TOLD, _TOLD + rate * _SENT_SECONDS), rate=rate, viewers=0)
    for run_number, many in enumerate((0, viewers), 1):
        first = _TOLD + run_number * rate * _SENT_SECONDS
        kept = await keep_rate(
            env, database, secret, range(first, first + rate * _SENT_SECONDS), rate=rate, viewers=many
        )
        print(kept.row(), flush=True)


async def _enrol(settings: Settings, school: School) -> str:
    """Make all students members, and a token of staff; its secret."""
    users = (
        (b"%d" % number, orjson.dumps({"id": number, "first_name": f"S{number}", "academies": [ACADEMY]}))
        for number in range(1, school.students + 1)
    )
    await publish_reference(settings, Topics.of(settings).users, users)
    return await grant(settings, NewToken(1, {ACADEMY: CAPABILITIES}, datetime.now(UTC)))


def _send(env: dict[str, str]) -> None:
    parameters = {"token": env["TELEMETRY_TOKEN"], "academy": str(ACADEMY)}
    with httpx.Client(base_url=env["TELEMETRY_GATEWAY_URL"], params=parameters, trust_env=False) as client:
        for body in demo_documents():
            client.post("/v1/assignment/me/telemetry", content=body).raise_for_status()


def _settle() -> None:
    """Wait until the sink has computed the daily figures and ClickHouse has merged."""
    end = time.monotonic() + _SETTLED_SECONDS
    while busy() > MOST_BUSY and time.monotonic() < end:
        pass


def _row(client: httpx.Client, address: str, rounds: int) -> str:
    """An address's row of the table, without figures where it is refused."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = client.get(address, timeout=_ANSWER_SECONDS)
        seconds.append(time.perf_counter() - began)
        if not answer.is_success:
            return f"| `{address}` | {answer.status_code} | - | - | - |"
    first, middle, late = (
        f"{one * 1e3:,.0f} ms" for one in (seconds[0], statistics.median(seconds), cut(seconds, 0.95))
    )
    return f"| `{address}` | {len(answer.content):,} | {first} | {middle} | {late} |"


if __name__ == "__main__":
    run(main, "insights")
