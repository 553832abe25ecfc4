"""Sets some configurations of topics and leaves the others as they are, which operators may have set.

aiokafka has only the request that replaces all of them, so Kafka's other one is defined here, from aiokafka's own
protocol types (message formats: https://kafka.apache.org/protocol#The_Messages_IncrementalAlterConfigs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka.admin import AIOKafkaAdminClient

__all__ = ["set_topic_configs"]

_API_KEY: Final = 44
_SET: Final = 0


class _Response(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = _API_KEY
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "resources",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _Request0(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = _API_KEY
    API_VERSION = 0
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(("name", String("utf-8")), ("operation", Int8), ("value", String("utf-8"))),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


_Struct: TypeAlias = _Request0


class _Request(Request[_Struct]):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = _API_KEY

    def __init__(self, resources: list[Any]) -> None:
        self._resources = resources

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        return request_struct_class(self._resources, False)  # noqa: FBT003 - the protocol's fields in order


async def set_topic_configs(admin: AIOKafkaAdminClient, topic: str, configs: Mapping[str, str]) -> None:
    """Set these and no others; raises aiokafka's KafkaError where the broker refuses."""
    entries = [(name, _SET, value) for name, value in configs.items()]
    request = _Request([(int(ConfigResourceType.TOPIC), topic, entries)])
    answer = await admin._send_request(request)  # noqa: SLF001 - aiokafka offers no method for it
    for code, text, *_ in answer.resources:
        if code:
            raise for_code(code)(text or topic)
