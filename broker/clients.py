"""Kafka's clients, made from settings: the one place that constructs them for others.

What every one of ours has in common stands here and nowhere else: who reads sees committed records only and commits
nothing by itself; who writes waits for all in-sync replicas and repeats nothing; neither waits long for a broker that
does not answer. The worker's transport and its transactions (streams) construct their own, whose options are what they
are about, and let `bounded` do the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import IllegalGenerationError, KafkaConnectionError
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

from broker.first_answer import begin_in_time
from broker.produce_requests import join_once
from broker.refusals import refusal
from broker.renewal import renew_from_the_beginning
from broker.token_login import notice_refused_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

__all__ = [
    "DISCONNECT_SECONDS",
    "REQUEST_SECONDS",
    "admin",
    "as_member",
    "bounded",
    "consumer",
    "hear_failures",
    "opened",
    "producer",
    "requester",
]

Client = TypeVar("Client", AIOKafkaAdminClient, AIOKafkaConsumer, AIOKafkaProducer)

notice_refused_tokens()

# A frozen broker keeps connections open and answers nothing, and meanwhile another one may lead. aiokafka's 40 s are
# more than a transaction may take, and more than a session lasts: whoever waits so long is fenced, or left out.
REQUEST_SECONDS: Final = 5.0
# An answer has to be whole by then: so much arrives over 27 Mbit/s.
_FETCH_BYTES: Final = 16 << 20
# aiokafka's own patience, the most that is needed for anything.
_MOST_SECONDS: Final = 40.0
_STOP_SECONDS: Final = 5.0
# A word of goodbye, from a broker that is well.
DISCONNECT_SECONDS: Final = 1.0
_OPEN: Final = "PLAINTEXT"


def admin(options: Mapping[str, Any], **more: Any) -> AIOKafkaAdminClient:
    """An administrator's client, not started; `options` connect to Kafka (`Settings.kafka_options`).

    A request of it may take long, for what it asks for may: topics are made, records deleted. The first answer of all
    may not where somebody waits for it (broker.first_answer).
    """
    made = AIOKafkaAdminClient(**{**options, **more})
    renew_from_the_beginning(made._client)  # noqa: SLF001 - aiokafka has no place for it
    _disconnect_in_time(made._client)  # noqa: SLF001 - as above
    begin_in_time(made._client, REQUEST_SECONDS)  # noqa: SLF001 - as above
    _say_why_refused(made._client, options)  # noqa: SLF001 - the admin's own has no name
    return made


def requester(options: Mapping[str, Any]) -> AIOKafkaClient:
    """A client for requests that none of the others has, not started; `options` as of `admin`."""
    made = AIOKafkaClient(**options)
    begin_in_time(made, REQUEST_SECONDS)
    return made


def consumer(options: Mapping[str, Any], **more: Any) -> AIOKafkaConsumer:
    """A reader of committed records that commits nothing by itself, not started; `more` are aiokafka's own options."""
    ours = {"isolation_level": "read_committed", "enable_auto_commit": False, "fetch_max_bytes": _FETCH_BYTES}
    made: Any = AIOKafkaConsumer(**{**ours, **options, **more})
    made.stop = functools.partial(_stop, made, made.stop)
    _say_why_refused(made._client, options)  # noqa: SLF001 - as above
    return bounded(made)


async def _stop(made: Any, stop: Callable[[], Awaitable[None]]) -> None:
    """Stop a reader once its tasks have begun: one that has not aiokafka cancels, and who waits for it, too.

    A fetch that failed, and pauses before the next one, it cancels likewise. Then the rest is stopped here.
    """
    try:
        await asyncio.sleep(0)
    finally:
        try:
            await stop()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            fetcher = made._fetcher  # noqa: SLF001 - see above
            fetches = [fetcher._fetch_task, *fetcher._pending_tasks] if fetcher else []  # noqa: SLF001 - as above
            for fetch in fetches:
                fetch.cancel()
            await asyncio.gather(*fetches, return_exceptions=True)
            await made._client.close()  # noqa: SLF001 - as above


def producer(options: Mapping[str, Any], **more: Any) -> AIOKafkaProducer:
    """A writer whose records are acknowledged by all in-sync replicas and never doubled by a retry, not started."""
    made: Any = AIOKafkaProducer(**{"acks": "all", "enable_idempotence": True, **options, **more})
    made.send = functools.partial(_send, made, made.send)
    made.stop = functools.partial(_stop_in_time, made, made.stop)
    _say_why_refused(made.client, options)
    return join_once(bounded(made))


def _send(
    made: Any,
    send: Callable[..., Awaitable[Any]],
    topic: str,
    value: Any = None,
    key: Any = None,
    *more: Any,
    **named: Any,
) -> Awaitable[Any]:
    """Send as aiokafka does, and also what has neither key nor value: a log may hold such a record of somebody else's.

    aiokafka refuses it by an assertion, though Kafka takes it.
    """
    if value is None and key is None:
        return _send_empty(made, topic, *more, **named)
    return send(topic, value, key, *more, **named)


async def _send_empty(
    made: Any, topic: str, partition: int | None = None, timestamp_ms: int | None = None, headers: Any = None
) -> Any:
    batch = made.create_batch()
    batch.append(timestamp=timestamp_ms, key=None, value=None, headers=headers or [])
    if partition is None:
        partition = random.choice(sorted(await made.partitions_for(topic)))  # noqa: S311 - as aiokafka without a key
    return await made.send_batch(batch, topic, partition=partition)


async def _stop_in_time(made: Any, stop: Callable[[], Awaitable[None]]) -> None:
    """Send what is waiting and disconnect; a broker that does not answer keeps nobody longer than some seconds.

    aiokafka waits until what it was given is sent: as long as the broker is away, of an idempotent writer. Whoever
    needs to know waits for the acknowledgement.
    """
    stopping = asyncio.ensure_future(stop())
    done, _ = await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    if not done:
        # Without its sender, stop() waits for nothing any more.
        made._sender.sender_task.cancel()  # noqa: SLF001 - aiokafka has no way to stop without a broker
        await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    if stopping.done() and not stopping.cancelled():
        # A failure that nobody waits for any more, which asyncio would report as forgotten.
        stopping.exception()


def _say_why_refused(client: Any, options: Mapping[str, Any]) -> None:
    """Let a client that cannot begin say why, where brokers refuse it: aiokafka logs that, and says nothing of it."""
    if options.get("security_protocol", _OPEN) == _OPEN:
        return
    bootstrap = client.bootstrap

    async def tried() -> None:
        try:
            await bootstrap()
        except KafkaConnectionError as error:
            if refused := await refusal(options):
                raise refused from error
            raise

    client.bootstrap = tried


def bounded(client: Client) -> Client:
    """The client, which is not started yet, with REQUEST_SECONDS for each request; what takes several has 40 s still.

    aiokafka knows one number for both, and for what is done again after it: a producer drops no batch before 40 s, and
    an idempotent one none at all while a broker leads. Members of groups wait longer where they wait for each other
    (`_Sender`). Where no broker that it knows answers it asks those again that it began with (broker.renewal).
    """
    requests = client.client if isinstance(client, AIOKafkaProducer) else client._client  # noqa: SLF001 - see above
    requests._request_timeout_ms = int(REQUEST_SECONDS * 1000)  # noqa: SLF001 - as above
    requests.send = _Sender(requests, requests.send)
    renew_from_the_beginning(requests)
    _disconnect_in_time(requests)
    return client


def _disconnect_in_time(requests: Any) -> None:
    """Let a client's end wait no longer than DISCONNECT_SECONDS for the other side.

    Over TLS a connection ends with the broker's word, for which asyncio waits half a minute; who is gone by then, or
    has none to spare, would keep whoever ends a client. What was asked for has its answers before.
    """
    close = requests.close

    async def closed() -> None:
        writers = [connection._writer for connection in requests._conns.values()]  # noqa: SLF001 - aiokafka keeps them
        closing = asyncio.ensure_future(close())
        try:
            await asyncio.wait({closing}, timeout=DISCONNECT_SECONDS)
        finally:
            for writer in writers:
                if writer is not None:
                    writer.transport.abort()
        await closing

    requests.close = closed


class _Sender:
    """Sends as aiokafka does, with more time for what waits for other members: nothing else is under way there then.

    The coordinator answers JoinGroup and SyncGroup when every member is ready. Who is not within the time that members
    have to let go (rebalance_timeout_ms, the same for all of a group) is given up, so an answer that is not there soon
    after will not come: the coordinator hangs, and another broker may have its place. Should that be wrong, it knows
    the member by its id when that asks once more, and costs no more than another rebalance.
    """

    def __init__(self, client: Any, send: Callable[..., Awaitable[Any]]) -> None:
        self._client = client
        self._send = send
        self._patience = _MOST_SECONDS

    async def __call__(self, node: Any, request: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT) -> Any:
        if isinstance(request, JoinGroupRequest):
            let_go = request._rebalance_timeout / 1000  # noqa: SLF001 - what the coordinator is told
            self._patience = min(let_go + REQUEST_SECONDS, _MOST_SECONDS)
        elif not isinstance(request, SyncGroupRequest):
            return await self._send(node, request, group=group)
        if not await self._client.ready(node, group=group):
            return await self._send(node, request, group=group)
        connection = self._client._conns[node, group]  # noqa: SLF001 - aiokafka has one time for all requests
        connection._request_timeout = self._patience  # noqa: SLF001 - as above
        try:
            return await self._send(node, request, group=group)
        finally:
            connection._request_timeout = REQUEST_SECONDS  # noqa: SLF001 - as above


def as_member(consumer: AIOKafkaConsumer) -> None:
    """Let a started reader commit as a member of its group only: else `commit` raises CommitFailedError.

    One that the broker has given up asks as nobody from then on, until it joins again. A group without members lets
    nobody commit, and takes offsets back that others have moved meanwhile.
    """
    coordinator = consumer._coordinator  # noqa: SLF001 - aiokafka asks whatever it is
    commit = coordinator._do_commit_offsets  # noqa: SLF001 - as above

    async def checked(assignment: Any, offsets: Any) -> None:
        if coordinator.generation < 0:
            raise IllegalGenerationError(coordinator.group_id)
        await commit(assignment, offsets)

    coordinator._do_commit_offsets = checked  # noqa: SLF001 - as above


@contextlib.asynccontextmanager
async def opened(client: Client) -> AsyncIterator[Client]:
    """Start a client for a while; raises aiokafka's KafkaError where no broker answers."""
    end = client.close if isinstance(client, AIOKafkaAdminClient) else client.stop
    try:
        await client.start()
        yield client
    finally:
        await end()


def hear_failures(producer: AIOKafkaProducer) -> None:
    """Look at how the transaction of a stopped writer ended, which nobody waits for where he failed at something else.

    Whoever is fenced while he sends is told so by what he has sent. aiokafka tells the end of the transaction as well,
    and to whoever waits for room in a batch, and asyncio would report both as forgotten.
    """
    futures = [
        batch._drain_waiter  # noqa: SLF001 - aiokafka hands neither out
        for batches in producer._message_accumulator._batches.values()  # noqa: SLF001 - as above
        for batch in batches
    ]
    transactions = producer._txn_manager  # noqa: SLF001 - as above
    if transactions is not None:
        futures.append(transactions.wait_for_transaction_end())
    for ended in futures:
        if ended is not None and ended.done() and not ended.cancelled():
            ended.exception()
