"""Kafka's ids of topics: what tells a topic from a later one of the same name.

aiokafka's requests stop at version 5 of Metadata and ids came with version 10, so the request is defined here, from
aiokafka's own protocol types (message formats: https://kafka.apache.org/protocol#The_Messages_Metadata).
"""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiokafka.errors import IncompatibleBrokerVersion, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from broker import clients
from schemas.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import BytesIO

__all__ = ["MetadataRequest", "TopicError", "topic_ids"]

_METADATA: Final = 3
_VERSION: Final = 12
_UNKNOWN_TOPIC: Final = 3
_NOBODY: Final = bytes(16)
_PATIENCE_SECONDS: Final = 30.0


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]  # aiokafka is untyped
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = _METADATA
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequest12(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    FLEXIBLE_VERSION = True
    API_KEY = _METADATA
    API_VERSION = _VERSION
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


_Struct: TypeAlias = _MetadataRequest12


class MetadataRequest(Request[_Struct]):  # type: ignore[misc]  # aiokafka is untyped
    """What the brokers know of some topics, and if asked what the caller may do to each."""

    API_KEY = _METADATA

    def __init__(self, topics: list[str], *, operations: bool = False) -> None:
        """Name the topics; `operations` asks what the caller may do."""
        self._topics = topics
        self._operations = operations

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        """The request in the only version that is defined here."""
        named: list[tuple[bytes, str, dict[int, bytes]]] = [(_NOBODY, name, {}) for name in self._topics]
        return request_struct_class(named, False, self._operations, {})  # noqa: FBT003 - the protocol's fields in order


class TopicError(OperatorError):
    """A topic is not there, or the brokers cannot tell its id; the text says what to do."""


async def topic_ids(options: dict[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The ids of existing topics, as Kafka's tools print them (URL-safe base64); `options` connect to Kafka.

    Raises TopicError for a topic that does not exist or brokers that are too old, and aiokafka's KafkaError.
    """
    wanted = list(names)
    client = clients.requester(options)
    try:
        await client.bootstrap()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            response = await client.send(client.get_random_node(), MetadataRequest(wanted))
    except (NotImplementedError, IncompatibleBrokerVersion) as error:
        message = "Kafka's brokers are too old: version 3.6 or later is needed. Upgrade them."
        raise TopicError(message) from error
    finally:
        await client.close()
    ids: dict[str, str] = {}
    for code, name, topic_id, *_ in response.topics:
        if code == _UNKNOWN_TOPIC:
            message = f"Topic {name} does not exist. Run: learnpack-telemetry setup"
            raise TopicError(message)
        if code:
            raise for_code(code)(name)
        ids[name] = base64.urlsafe_b64encode(topic_id).decode().rstrip("=")
    return ids
