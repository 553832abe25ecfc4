"""Faust's application: how Faust is set up, with one agent on the raw topic and one table; their work is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import faust
from faust.events import Event
from faust.types import TP

from streams.agent import ingest
from streams.context import PartitionContext
from streams.memory import MemoryBudget
from streams.ownership import Ownership
from streams.tables import StateTable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from broker.tracing import Tracer
    from schemas.settings import Settings
    from schemas.wire.topics import Topics
    from streams.bad_references import BadReferences
    from streams.exits import End
    from streams.mandate import Mandate
    from streams.processing import Core
    from streams.tuning import Tuning

__all__ = ["Hooks", "TelemetryApp", "create_app", "fetch_bytes"]

_LEAST_FETCH_BYTES: Final = 1 << 20


def fetch_bytes(tuning: Tuning, partitions: int) -> int:
    """Bytes of one partition to fetch at a time: a whole chunk if that fits, else a partition's share of the memory.

    aiokafka buffers one fetch of every partition, and a chunk cannot be larger than what one fetch brings: large
    documents in small chunks pay for a transaction every few dozen records.
    """
    return max(_LEAST_FETCH_BYTES, min(tuning.chunk.size, tuning.memory_bytes // partitions))


class _ChunkSchema(faust.Schema):  # type: ignore[misc]  # Faust is untyped
    """Passes chunks through: the core decodes records, Faust commits what it cannot decode."""

    def compile(self, app: Any, **_options: Any) -> Any:
        async def decode(message: Any, **_propagate: Any) -> Event:
            return Event(app, None, message.value, (), message)

        return decode


class TelemetryApp(faust.App):  # type: ignore[misc]  # Faust is untyped
    """Faust's application with what the chunked transport asks for."""

    chunked_topic: str
    kafka_options: Mapping[str, Any]
    owner: Ownership

    def configure(self, topics: Topics, kafka_options: Mapping[str, Any], tuning: Tuning, partitions: int) -> None:
        """Set what the transport reads; before the application starts."""
        self.chunked_topic = topics.raw
        self.chunk_limits = tuning.chunk
        self.memory_budget = MemoryBudget(tuning.memory_bytes)
        self.fetch_wait_s = tuning.fetch_wait_s
        self.partition_fetch_bytes = fetch_bytes(tuning, partitions)
        self.kafka_options = kafka_options


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the process around the application provides.

    Attributes:
        views_complete: Set when the reference views are complete.
        bad_references: Reference records that wait to be written to the dead letters.
        progressed: Called at every step forward.
        on_ready: Called when every assigned partition is open.
        on_unready: Called when the assignment ends.
        end: Ends the process.
        mandate: What entitles the process to its generation.
        superseded: Called once that does not hold any more: the process is to begin again.
        tracer: Tells of what becomes of traced webhooks; None for nothing.
    """

    views_complete: asyncio.Event
    bad_references: BadReferences
    progressed: Callable[[], None]
    on_ready: Callable[[], None]
    on_unready: Callable[[], None]
    end: End
    mandate: Mandate
    superseded: Callable[[], None]
    tracer: Tracer | None = None


class _ConsumerLog:
    """Moves Faust's consumer for a partition."""

    def __init__(self, app: TelemetryApp) -> None:
        self._app = app

    async def resume_at(self, partition: int, offset: int) -> None:
        await self._app.consumer.resume_at(partition, offset)

    async def log_start(self, partition: int) -> int:
        tp = TP(self._app.chunked_topic, partition)
        return int((await self._app.consumer.earliest_offsets(tp))[tp])


def create_app(
    settings: Settings,
    topics: Topics,
    core: Core,
    tuning: Tuning,
    *,
    data_dir: Path,
    hooks: Hooks,
) -> TelemetryApp:
    """Build the application; nothing is connected yet.

    Args:
        settings: Connection, store and limits.
        topics: Names for this prefix and generation.
        core: What happens to the records.
        tuning: Bounds that tests and benchmarks change.
        data_dir: Where RocksDB keeps its files; of this process only.
        hooks: What the process around the application provides.
    """
    options = settings.kafka_options()
    app = TelemetryApp(
        topics.application,
        broker=[f"chunked://{server}" for server in settings.kafka.split(",")],
        broker_credentials=_credentials(options),
        store=f"{settings.store}://",
        datadir=data_dir,
        topic_partitions=settings.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        recovery_consistency_check=False,
        stream_wait_empty=False,
        stream_buffer_maxsize=max(2 * settings.partitions, 8),
        broker_max_poll_records=tuning.poll_records,
        broker_max_poll_interval=600.0,
        broker_session_timeout=tuning.session_timeout_s,
        broker_heartbeat_interval=tuning.session_timeout_s / 5,
        broker_rebalance_timeout=60.0,
        broker_request_timeout=40.0,
    )
    app.configure(topics, options, tuning, settings.partitions)
    raw = app.topic(topics.raw, schema=_ChunkSchema(), partitions=settings.partitions)
    state = app.tables.add(
        StateTable(app, name="state", partitions=settings.partitions, key_type=bytes, value_type=bytes)
    )

    def context() -> PartitionContext:
        return PartitionContext(
            topics=topics,
            core=core,
            options=options,
            store=state.data,
            log=_ConsumerLog(app),
            limits=tuning.limits,
            max_message_bytes=settings.max_message_bytes,
            redact=settings.redacted_keys,
            views_complete=hooks.views_complete,
            bad_references=hooks.bad_references,
            progressed=hooks.progressed,
            end=hooks.end,
            mandate=hooks.mandate,
            superseded=hooks.superseded,
            tracer=hooks.tracer,
        )

    app.owner = Ownership(context, on_ready=hooks.on_ready, on_unready=hooks.on_unready)

    @app.agent(raw)  # type: ignore[untyped-decorator]  # Faust is untyped
    async def webhooks(stream: Any) -> None:
        await ingest(stream, app.owner)

    return app


def _credentials(options: Mapping[str, Any]) -> Any:
    """Faust's own producer (it sends nothing, but connects) takes credentials in its own form."""
    context = options.get("ssl_context")
    if (provider := options.get("sasl_oauth_token_provider")) is not None:
        return faust.OAuthCredentials(oauth_cb=provider, ssl_context=context)
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options.get("sasl_plain_password"),
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None
