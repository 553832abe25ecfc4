"""A raw topic copied and restored: `uv run python -m bench.copying [--webhooks 2400] [--write]`.

The system as `up` runs it takes webhooks over HTTP; then `raw copy` brings them into twice the partitions, `archive`
writes them into files, and `raw restore` builds a topic from those. Seconds and processor time are those of each
command, as its user waits for it, with the start of Python; the broker's are beside it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer

from bench.page import run
from bench.up import processor_seconds, system, timed
from deploy.demo.documents import demo_documents
from schemas.settings import PREFIX

__all__: list[str] = []

_CLIENTS = 8
_PARTITIONS = 4


async def _post(env: dict[str, str], count: int) -> None:
    """Post real documents, one after the other and again from the first, until there are so many."""
    numbers = iter(range(count))
    bodies = demo_documents()

    async def send() -> None:
        for number in numbers:
            answer = await client.post("/v1/assignment/me/telemetry", content=bodies[number % len(bodies)])
            answer.raise_for_status()

    async with httpx.AsyncClient(
        base_url=env["TELEMETRY_GATEWAY_URL"],
        headers={"Authorization": f"Token {env['TELEMETRY_TOKEN']}"},
        timeout=30,
        trust_env=False,
    ) as client:
        await asyncio.gather(*(send() for _ in range(_CLIENTS)))


def _line(env: dict[str, str], root: int, *command: str) -> str:
    """Run a command to its end; its row of the table."""
    before = processor_seconds(root)["Kafka"]
    done = timed(env, *command)
    broker = processor_seconds(root)["Kafka"] - before
    named = " ".join(word for word in command if "/" not in word)
    return f"| `{named}` | {done.took:.1f} s | {done.used:.1f} s | {broker:.1f} s |"


def main(
    webhooks: Annotated[int, typer.Option(help="How many are in the topic.")] = 2_400,
) -> None:
    """Print what each of the three commands takes."""
    with tempfile.TemporaryDirectory() as directory:
        place, files = Path(directory) / "system", str(Path(directory) / "files")
        unlimited = {
            f"TELEMETRY_{name}": "1000000000"
            for name in ("RATE_LIMIT", "RATE_LIMIT_BYTES", "INGEST_RATE_LIMIT", "INGEST_RATE_LIMIT_BYTES")
        }
        with system(place, TELEMETRY_PARTITIONS=str(_PARTITIONS), **unlimited) as (root, addresses):
            own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
            env = {**own, **addresses}
            asyncio.run(_post(env, webhooks))
            today = f"{datetime.now(UTC):%Y-%m-%d}"
            print(f"{webhooks:,} webhooks in {_PARTITIONS} partitions:\n")
            print("| command | seconds | its processor time | the broker's |")
            print("| --- | ---: | ---: | ---: |")
            print(_line(env, root, "raw", "copy", "webhooks.raw.8", "--partitions", "8"))
            print(_line(env, root, "archive", files, "--until", today))
            print(_line(env, root, "raw", "restore", files, "webhooks.raw.restored"))


if __name__ == "__main__":
    run(main, "copying")
