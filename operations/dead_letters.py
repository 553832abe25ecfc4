"""Dead letters in the hands of an operator: sent again or given up through Kafka, each once.

What becomes of one is another record of the dead-letter topic, with the same origin, the first one's id and time, and
the header `dead-letter-resolution`; the sink's row of that origin is replaced by it, in a moment. So whether one waits
the topic decides (`operations.dead_letter_states`), and one operator at a time: a second one fences the first, who then
leaves the rest as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from aiokafka.errors import MessageSizeTooLargeError, ProducerFenced

from broker import clients
from broker.lookup import RecordReader, open_reader
from operations.dead_letter_rows import DeadLetter, DeadLetterError, find_letters, waiting_among
from operations.dead_letter_states import states_of
from schemas.lenient import loads
from schemas.redaction import redacted_body
from schemas.wire.dead_letters import LETTER, sent_headers
from schemas.wire.forwarding import FORWARD_TO, forwarder_of
from schemas.wire.headers import headers_of_retry, readable_headers
from schemas.wire.place import split_place
from schemas.wire.topics import Topics
from schemas.wire.webhook import merge, student_key, webhook_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from aiokafka import AIOKafkaProducer

    from schemas.settings import Settings

__all__ = [
    "DeadLetter",
    "DeadLetterError",
    "Resolution",
    "Resolved",
    "drop",
    "find_letters",
    "letter_value",
    "retry",
    "waiting_among",
]

Resolution = Literal["retried", "dropped"]
Headers = list[tuple[str, bytes]]
Change = Callable[[bytes], bytes]

_FOR_EVER: Final = float("inf")
_TAKEN_OVER: Final = "somebody else has begun to resolve dead letters: ask for it again."


@dataclass(slots=True)
class Resolved:
    """How many dead letters were sent again or marked, and those that could not be, each with the reason."""

    count: int = 0
    left: list[tuple[DeadLetter, str]] = field(default_factory=list)


async def letter_value(settings: Settings, letter: DeadLetter) -> bytes:
    """The record's value, byte for byte but without the keys of TELEMETRY_REDACT.

    Raises DeadLetterError if no topic has all of it any more.
    """
    async with open_reader(settings) as reader:
        source = await _source(reader, letter, await _record(settings, reader, letter))
    return redacted_body(source.value, settings.redacted_keys) or b""


async def retry(
    settings: Settings, letters: Sequence[DeadLetter], change: Change | None = None, *, seconds: float = _FOR_EVER
) -> Resolved:
    """Send records to the topics that they came from, the oldest first, and mark them.

    Each is one transaction: sent and marked, or neither. A webhook keeps its id (`retry-of`) and its time of arrival; a
    message that a forwarder gave up is for that one alone (`forward-to`).
    One that cannot be sent again, does not wait any more or has not had its turn within so many seconds is left as it
    is, with the reason. What `change`, which is called in a thread, makes of a webhook's value is sent in its place;
    where it raises ValueError that is the reason.
    """
    topics = Topics.of(settings)
    told = {topics.completions, topics.stuck}
    retried_topics = {topics.raw, topics.facts, topics.outcomes, topics.scores} | told

    async def send(reader: RecordReader, producer: AIOKafkaProducer, letter: DeadLetter) -> None:
        if letter.topic not in retried_topics:
            message = (
                f"{letter.origin} cannot be sent again: a newer record of its key may be in force. "
                f"Write it anew, then: dead-letters drop {letter.id}"
            )
            raise DeadLetterError(message)
        record = await _record(settings, reader, letter)
        source = await _source(reader, letter, record)
        value = source.value
        if change is not None:
            value = await asyncio.to_thread(_changed, letter, topics, source, record.key, change)
        headers = sent_headers(source.headers)
        if letter.topic == topics.raw:
            headers = _as_retry(letter, headers)
        at: int | None = _timestamp(letter, record)
        if letter.topic in told:
            # Told by one forwarder again, which is as patient with it as with a new one.
            headers, at = _for_one(letter, headers), None
        async with producer.transaction():
            await producer.send_and_wait(
                letter.topic, value, record.key, partition=letter.partition, timestamp_ms=at, headers=headers
            )
            await _mark(producer, topics, letter, record, "retried")

    return await _each(settings, sorted(letters, key=lambda letter: (letter.received_at, letter.id)), send, seconds)


def _changed(letter: DeadLetter, topics: Topics, source: Any, key: bytes | None, change: Change) -> bytes:
    """What `change` makes of a webhook, which stays the same student's: its partition is that student's."""
    if letter.topic != topics.raw:
        message = f"{letter.origin} is no webhook: only those can be changed."
        raise DeadLetterError(message)
    try:
        value = change(source.value or b"")
        payload = loads(value)
    except ValueError as error:
        message = f"dead letter {letter.id} cannot be changed so: {error}"
        raise DeadLetterError(message) from error
    headers = readable_headers(sent_headers(source.headers))
    principal = None if headers.principal is None else str(headers.principal)
    if type(payload) is not dict or key not in (None, student_key(merge(payload, headers.params), principal)):
        message = (
            f"dead letter {letter.id} cannot be changed so: it must be an object, and of the same student as before."
        )
        raise DeadLetterError(message)
    return value


async def drop(settings: Settings, letters: Sequence[DeadLetter], *, seconds: float = _FOR_EVER) -> Resolved:
    """Mark dead letters as given up; one whose record is gone, and as `retry`, is left as it is, with the reason."""
    topics = Topics.of(settings)

    async def mark(reader: RecordReader, producer: AIOKafkaProducer, letter: DeadLetter) -> None:
        record = await _record(settings, reader, letter)
        async with producer.transaction():
            await _mark(producer, topics, letter, record, "dropped")

    return await _each(settings, letters, mark, seconds)


async def _each(
    settings: Settings,
    letters: Sequence[DeadLetter],
    work: Callable[[RecordReader, AIOKafkaProducer, DeadLetter], Coroutine[Any, Any, None]],
    seconds: float,
) -> Resolved:
    """Do what can be done, one after another; raises aiokafka's KafkaError where Kafka itself does not work."""
    done, until = Resolved(), time.monotonic() + seconds
    async with open_reader(settings) as reader, _producer(settings, Topics.of(settings)) as producer:
        # From here on nobody else resolves any.
        states = await states_of(settings, letters)
        for number, letter in enumerate(letters):
            if reason := _not_now(states.get(letter.id), time.monotonic() < until):
                done.left.append((letter, reason))
                continue
            try:
                await work(reader, producer, letter)
            except ProducerFenced:
                done.left += [(other, _TAKEN_OVER) for other in letters[number:]]
                break
            except DeadLetterError as error:
                done.left.append((letter, str(error)))
            except MessageSizeTooLargeError as error:
                reason = f"{letter.origin} is too large to be sent: raise TELEMETRY_MAX_BODY_BYTES, then `setup`"
                done.left.append((letter, f"{reason} ({error})"))
            else:
                done.count += 1
    return done


def _not_now(state: str | None, in_time: bool) -> str:  # noqa: FBT001 - what is known of one letter
    """Why a letter is left as it is, by what has become of it; empty where it has its turn."""
    if state is None:
        return "it is not there any more."
    if state:
        return f"it does not wait any more: it was {'sent again' if state == 'retried' else 'given up'} before."
    return "" if in_time else "there was no time left for it: ask for it again."


@contextlib.asynccontextmanager
async def _producer(settings: Settings, topics: Topics) -> AsyncIterator[AIOKafkaProducer]:
    made = clients.producer(
        settings.kafka_options(),
        transactional_id=f"{topics.prefix}dead-letters",
        max_request_size=settings.max_message_bytes,
    )
    try:
        async with clients.opened(made) as producer:
            yield producer
    finally:
        clients.hear_failures(made)


async def _mark(
    producer: AIOKafkaProducer, topics: Topics, letter: DeadLetter, record: Any, resolution: Resolution
) -> None:
    headers = [
        *record.headers,
        (f"{LETTER}id", b"%d" % letter.id),
        (f"{LETTER}received-at", b"%d" % record.timestamp),
        (f"{LETTER}resolution", resolution.encode()),
    ]
    # The sink's row of an origin is the one with the latest timestamp.
    at = max(time.time_ns() // 1_000_000, record.timestamp + 1)
    await producer.send_and_wait(
        topics.dead_letters, record.value, record.key, partition=record.partition, timestamp_ms=at, headers=headers
    )


def _timestamp(letter: DeadLetter, record: Any) -> int:
    try:
        return int(dict(record.headers)[f"{LETTER}timestamp"])
    except (KeyError, TypeError, ValueError) as error:
        message = f"dead letter {letter.id} does not say when its record was written: no part has written it."
        raise DeadLetterError(message) from error


async def _record(settings: Settings, reader: RecordReader, letter: DeadLetter) -> Any:
    topic, (partition, offset) = Topics.of(settings).dead_letters, split_place(letter.id)
    record = await reader.fetch(topic, partition, offset)
    if record is None:
        message = f"dead letter {letter.id} is in ClickHouse, but {topic}[{partition}]@{offset} is gone (retention)."
        raise DeadLetterError(message)
    return record


async def _source(reader: RecordReader, letter: DeadLetter, record: Any) -> Any:
    """The record that failed; one that was cut to fit, or lost keys, is read where it came from."""
    if f"{LETTER}size" not in dict(record.headers):
        return record
    source = await reader.fetch(letter.topic, letter.partition, letter.offset)
    if source is None:
        message = f"dead letter {letter.id} does not hold its whole value, and {letter.origin} is gone (retention)."
        raise DeadLetterError(message)
    return source


def _for_one(letter: DeadLetter, headers: Headers) -> Headers:
    name = forwarder_of(letter.stage)
    if name is None:
        message = (
            f"{letter.origin} cannot be sent again: no forwarder has given it up. Then: dead-letters drop {letter.id}"
        )
        raise DeadLetterError(message)
    return [*((one, value) for one, value in headers if one != FORWARD_TO), (FORWARD_TO, name.encode())]


def _as_retry(letter: DeadLetter, headers: Headers) -> Headers:
    identity = webhook_id(letter.partition, letter.offset, readable_headers(headers))
    return headers_of_retry(headers, identity)
