"""Brings in what the demo makes up: the days before as the log would have them, what comes now over HTTP."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import httpx
import orjson

from broker import clients
from broker.partitioning import partition_of
from deploy.demo.errors import DemoError
from deploy.demo.made import FIRST_MADE, made_before, made_now, made_users, rules_over_time
from deploy.demo.outcomes import Since, count, until_come_out
from deploy.demo.sending import send_webhooks
from operations.directory import publish_reference
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from schemas.wire.webhook import record_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.settings import Settings

__all__ = ["bring_made"]

# That of the token which `up` makes.
_ACADEMY: Final = 1
_RULES_PATH: Final = "/v1/assignment/academy/learnpack/telemetry-webhook-ignore"
_TIMEOUT_SECONDS: Final = 30.0


async def bring_made(settings: Settings, documents: Sequence[bytes]) -> int:
    """Bring in what comes now, and at the first time the days before with names and rules; returns how many webhooks.

    When it returns all of them have an outcome. Raises DemoError where something is refused or has none after 45 s.
    """
    since = await Since.now(settings)
    known = await asyncio.to_thread(count, settings, f"student_id >= {FIRST_MADE}", {})
    made = 0 if known else await _bring_before(settings, documents)
    made += await _bring_now(settings, documents)
    await asyncio.to_thread(until_come_out, settings, Since.CONDITION, since.parameters, made)
    return made


async def _bring_before(settings: Settings, documents: Sequence[bytes]) -> int:
    """Rules are left as they are where the academy has any."""
    topics = Topics.of(settings)
    users = [(b"%d" % user["id"], orjson.dumps(user)) for user in made_users()]
    await publish_reference(settings, topics.users, users)
    await _put_rules(settings)
    told = made_before(documents, time.time_ns() // 1_000_000)
    # A gateway stamps what it takes with its own time.
    headers = encode_headers(RawHeaders(academy=_ACADEMY))
    options = settings.kafka_options()
    async with clients.opened(clients.producer(options, max_request_size=settings.max_message_bytes)) as producer:
        sent = []
        for webhook in told:
            key = record_key(str(webhook.student))
            partition = partition_of(key, settings.partitions)
            sent.append(
                await producer.send(
                    topics.raw, webhook.body, key, partition=partition, timestamp_ms=webhook.at, headers=headers
                )
            )
        for acknowledged in sent:
            await acknowledged
    return len(told)


async def _put_rules(settings: Settings) -> None:
    headers = {"Authorization": f"Token {_token(settings)}", "Academy": str(_ACADEMY)}
    async with httpx.AsyncClient(base_url=settings.gateway_url, headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        answer = await client.get(_RULES_PATH)
        if answer.is_success and answer.json():
            return
        for rules in rules_over_time():
            answer = await client.put(_RULES_PATH, json=rules)
            if not answer.is_success:
                message = f"the gateway refused the demo's ignore rules: {answer.text[:200]}"
                raise DemoError(message)


async def _bring_now(settings: Settings, documents: Sequence[bytes]) -> int:
    bodies = made_now(documents, time.time_ns() // 1_000_000)
    answers = await send_webhooks(bodies, settings.gateway_url, _token(settings))
    if set(answers) != {"200 ok"}:
        message = f"the gateway refused webhooks: {dict(answers)}"
        raise DemoError(message)
    return len(bodies)


def _token(settings: Settings) -> str:
    assert settings.token is not None  # noqa: S101 - `up` always has one
    return settings.token.get_secret_value()
