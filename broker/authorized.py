"""What the caller may do to topics, groups and transactional ids, as the brokers say; asking changes nothing.

Topics and groups have a list of it in Kafka's own answers (KIP-430), of which aiokafka passes none on. For
transactional ids there is none: there an end of a transaction is asked for that nobody can have begun, which is
refused for the one reason or for the other (message formats: https://kafka.apache.org/protocol).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    for_code,
)
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request
from aiokafka.protocol.transaction import EndTxnRequest

from broker.committed import settling
from broker.topic_ids import MetadataRequest

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiokafka.admin import AIOKafkaAdminClient

__all__ = ["OPERATIONS", "Operation", "may_transact", "operations_on_group", "operations_on_topics"]

Operation = Literal[
    "Read", "Write", "Create", "Delete", "Alter", "Describe", "DescribeConfigs", "AlterConfigs", "IdempotentWrite"
]

# By Kafka's numbers of them, which are also the places of bits.
OPERATIONS: Final[dict[Operation, int]] = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Alter": 7,
    "Describe": 8,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
    "IdempotentWrite": 12,
}
_NO_SUCH_PRODUCER: Final = -1


class _DescribeGroups3(DescribeGroupsRequest_v3):  # type: ignore[misc]  # aiokafka is untyped
    # aiokafka reads the answer as that of version 2, which ends before what is asked for.
    RESPONSE_TYPE = DescribeGroupsResponse_v3


_Struct: TypeAlias = _DescribeGroups3


class _DescribeGroup(Request[_Struct]):  # type: ignore[misc]  # as above
    API_KEY = DescribeGroupsRequest_v3.API_KEY

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        return request_struct_class([self._group], True)  # noqa: FBT003 - the protocol's fields in order


def _named(bits: int) -> frozenset[Operation]:
    # Negative where the broker has not said.
    return frozenset(name for name, place in OPERATIONS.items() if bits > 0 and bits >> place & 1)


async def operations_on_topics(
    admin: AIOKafkaAdminClient, names: Collection[str]
) -> dict[str, frozenset[Operation] | None]:
    """What the caller may do to topics, by name; None where the caller might, and there is no such topic.

    Raises aiokafka's KafkaError where the broker does not tell.
    """
    answer = await admin._send_request(MetadataRequest(list(names), operations=True))  # noqa: SLF001 - no method has it
    found: dict[str, frozenset[Operation] | None] = {}
    for code, name, _id, _internal, _partitions, bits, *_ in answer.topics:
        if code == TopicAuthorizationFailedError.errno:
            found[name] = frozenset()
        else:
            found[name] = None if code and bits <= 0 else _named(bits)
    return found


@settling
async def operations_on_group(admin: AIOKafkaAdminClient, group: str) -> frozenset[Operation]:
    """What the caller may do to a consumer group, which need not be there; raises aiokafka's KafkaError."""
    try:
        coordinator = await admin.find_coordinator(group)
    except GroupAuthorizationFailedError:
        return frozenset()
    answer = await admin._send_request(_DescribeGroup(group), coordinator)  # noqa: SLF001 - as above
    ((code, *_, bits),) = answer.groups
    if code == GroupAuthorizationFailedError.errno:
        return frozenset()
    if code:
        raise for_code(code)(group)
    return _named(bits)


@settling
async def may_transact(admin: AIOKafkaAdminClient, transactional_id: str) -> bool:
    """Whether the caller may write in transactions of an id; whoever does is not disturbed.

    Raises aiokafka's KafkaError where the broker does not tell.
    """
    request = EndTxnRequest(transactional_id, _NO_SUCH_PRODUCER, _NO_SUCH_PRODUCER, False)  # noqa: FBT003 - as above
    answer = await admin._send_request(request)  # noqa: SLF001 - as above
    if answer.error_code in (CoordinatorNotAvailableError.errno, CoordinatorLoadInProgressError.errno):
        raise for_code(answer.error_code)(transactional_id)
    return bool(answer.error_code != TransactionalIdAuthorizationFailed.errno)
