"""Dead letters in the hands of an operator: found in ClickHouse, sent again or given up through Kafka.

What becomes of one is another record of the dead-letter topic, with the same origin, the first one's id and time, and
the header `dead-letter-resolution`; the sink's row of that origin is replaced by it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import clickhouse_connect
from aiokafka.errors import MessageSizeTooLargeError

from broker import clients
from broker.lookup import RecordReader, open_reader
from operations.cut import cut
from schemas.errors import OperatorError
from schemas.lenient import loads
from schemas.redaction import redacted_body
from schemas.wire.dead_letters import LETTER, sent_headers
from schemas.wire.headers import readable_headers
from schemas.wire.place import split_place
from schemas.wire.topics import Topics
from schemas.wire.webhook import merge, student_key, webhook_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from aiokafka import AIOKafkaProducer

    from schemas.settings import Settings

__all__ = ["DeadLetter", "DeadLetterError", "Resolution", "Resolved", "drop", "find_letters", "letter_value", "retry"]

Resolution = Literal["retried", "dropped"]
Headers = list[tuple[str, bytes]]
Change = Callable[[bytes], bytes]

_MOST: Final = 100_000

# The texts are cut where there may be thousands of them, and less where there is one.
_FIND: Final = """
SELECT id, topic, partition, offset, line, stage, $reason, $traceback, resolution,
    toString(received_at) AS received_at, length(ifNull(value, '')) AS size
FROM dead_letters
WHERE (empty({ids:Array(UInt64)}) OR has({ids:Array(UInt64)}, id))
    AND ({resolved:Bool} OR resolution = '') AND ({topic:String} = '' OR topic = {topic:String})
ORDER BY received_at DESC, id DESC
LIMIT {limit:UInt32} OFFSET {skip:UInt64}
"""
_LIST: Final = _FIND.replace("$reason", cut("reason", 500)).replace("$traceback", cut("traceback", 4_000))
_SHOW: Final = _FIND.replace("$reason", cut("reason", 20_000)).replace("$traceback", cut("traceback", 100_000))


class DeadLetterError(OperatorError):
    """A dead letter is not there or cannot be sent again; the text says what to do."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row of the table: where the record came from, where it failed and why; `size` is its value's, in bytes."""

    id: int
    topic: str
    partition: int
    offset: int
    line: int
    stage: str
    reason: str
    traceback: str
    resolution: str
    received_at: str
    size: int

    @property
    def origin(self) -> str:
        """Topic, partition, offset and line as one text."""
        return f"{self.topic}[{self.partition}]@{self.offset}" + (f" line {self.line}" if self.line >= 0 else "")


@dataclass(slots=True)
class Resolved:
    """How many dead letters were sent again or marked, and those that could not be, each with the reason."""

    count: int = 0
    left: list[tuple[DeadLetter, str]] = field(default_factory=list)


def find_letters(
    settings: Settings,
    ids: Sequence[int] = (),
    *,
    resolved: bool = False,
    topic: str = "",
    limit: int = _MOST,
    skip: int = 0,
) -> list[DeadLetter]:
    """Dead letters, the newest first: those named, else all; only those that wait unless `resolved`.

    Long texts end with `…`, later where a single one is asked for.

    Raises DeadLetterError for an id that is not among them, and ClickHouse's errors.
    """
    client = clickhouse_connect.get_client(
        dsn=settings.clickhouse.get_secret_value(), database=settings.database, autogenerate_session_id=False
    )
    parameters = {"ids": list(ids), "resolved": resolved, "topic": topic, "limit": limit, "skip": skip}
    query = _SHOW if len(ids) == 1 else _LIST
    with contextlib.closing(client):
        rows = client.query(query, parameters=parameters).named_results()
        letters = [DeadLetter(**row) for row in rows]
    if missing := sorted(set(ids) - {letter.id for letter in letters}):
        state, those = ("is there", "that are") if resolved else ("waits", "that do")
        message = f"no dead letter {missing[0]} {state}; `dead-letters list` shows those {those}."
        raise DeadLetterError(message)
    return letters


async def letter_value(settings: Settings, letter: DeadLetter) -> bytes:
    """The record's value, byte for byte but without the keys of TELEMETRY_REDACT.

    Raises DeadLetterError if no topic has all of it any more.
    """
    async with open_reader(settings) as reader:
        source = await _source(reader, letter, await _record(settings, reader, letter))
    return redacted_body(source.value, settings.redacted_keys) or b""


async def retry(settings: Settings, letters: Sequence[DeadLetter], change: Change | None = None) -> Resolved:
    """Send records to the topics that they came from, the oldest first, and mark them.

    Each is one transaction: sent and marked, or neither. A webhook keeps its id (`retry-of`) and its time of arrival.
    One that cannot be sent again is left as it is, with the reason. What `change` makes of a webhook's value is sent in
    its place; where it raises ValueError that is the reason.
    """
    topics = Topics.of(settings)
    retried_topics = {topics.raw, topics.facts, topics.outcomes, topics.scores}

    async def send(reader: RecordReader, producer: AIOKafkaProducer, letter: DeadLetter) -> None:
        if letter.topic not in retried_topics:
            message = (
                f"{letter.origin} cannot be sent again: a newer record of its key may be in force. "
                f"Write it anew, then: dead-letters drop {letter.id}"
            )
            raise DeadLetterError(message)
        record = await _record(settings, reader, letter)
        source = await _source(reader, letter, record)
        value = source.value if change is None else _changed(letter, topics, source, record.key, change)
        headers = sent_headers(source.headers)
        if letter.topic == topics.raw:
            headers = _as_retry(letter, headers)
        at = _timestamp(letter, record)
        async with producer.transaction():
            await producer.send_and_wait(
                letter.topic, value, record.key, partition=letter.partition, timestamp_ms=at, headers=headers
            )
            await _mark(producer, topics, letter, record, "retried")

    return await _each(settings, sorted(letters, key=lambda letter: (letter.received_at, letter.id)), send)


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


async def drop(settings: Settings, letters: Sequence[DeadLetter]) -> Resolved:
    """Mark dead letters as given up; one whose record is gone is left as it is, with the reason."""
    topics = Topics.of(settings)

    async def mark(reader: RecordReader, producer: AIOKafkaProducer, letter: DeadLetter) -> None:
        record = await _record(settings, reader, letter)
        async with producer.transaction():
            await _mark(producer, topics, letter, record, "dropped")

    return await _each(settings, letters, mark)


async def _each(
    settings: Settings,
    letters: Sequence[DeadLetter],
    work: Callable[[RecordReader, AIOKafkaProducer, DeadLetter], Coroutine[Any, Any, None]],
) -> Resolved:
    """Do what can be done, one after another; raises aiokafka's KafkaError where Kafka itself does not work."""
    done = Resolved()
    async with open_reader(settings) as reader, _producer(settings, Topics.of(settings)) as producer:
        for letter in letters:
            try:
                await work(reader, producer, letter)
            except DeadLetterError as error:
                done.left.append((letter, str(error)))
            except MessageSizeTooLargeError as error:
                reason = f"{letter.origin} is too large to be sent: raise TELEMETRY_MAX_BODY_BYTES, then `setup`"
                done.left.append((letter, f"{reason} ({error})"))
            else:
                done.count += 1
    return done


@contextlib.asynccontextmanager
async def _producer(settings: Settings, topics: Topics) -> AsyncIterator[AIOKafkaProducer]:
    async with clients.opened(
        clients.producer(
            settings.kafka_options(),
            transactional_id=f"{topics.prefix}dead-letters",
            max_request_size=settings.max_message_bytes,
        )
    ) as producer:
        yield producer


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


def _as_retry(letter: DeadLetter, headers: Headers) -> Headers:
    identity = webhook_id(letter.partition, letter.offset, readable_headers(headers))
    # What a copied record says of its place is not true of the new one.
    kept = ((name, value) for name, value in headers if name not in {"id", "retry-of"})
    return [*kept, ("retry-of", b"%d" % identity)]
