"""Rights in Kafka's own terms: options of its tools, and rules that an administrator's client makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest

from broker import clients
from broker.authorized import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from broker.authorized import Operation
    from operations.acls import Acl
    from schemas.settings import Settings

__all__ = ["RESOURCES", "grant_rights", "tool_command", "tool_options"]

# Kafka's numbers of kinds of resources, of patterns of names, and of what a rule says.
RESOURCES: Final = {"topic": 2, "group": 3, "transactional-id": 5}
_PREFIXED: Final = 4
_LITERAL: Final = 3
_ALLOW: Final = 3
_ANY_HOST: Final = "*"


def tool_options(right: Acl, operations: Sequence[Operation]) -> list[str]:
    """The options of kafka-acls.sh that name these operations of a right."""
    named = [word for operation in operations for word in ("--operation", operation)]
    kind = ["--resource-pattern-type", "prefixed"] if right.prefixed else []
    return [*named, f"--{right.resource}", right.name, *kind]


def tool_command(right: Acl, principal: str, servers: str) -> list[str]:
    """The command of Kafka's tools that gives a right, its words; whoever runs it has an administrator's file."""
    how = ["kafka-acls.sh", "--bootstrap-server", servers, "--command-config", "admin.properties"]
    return [*how, "--add", "--allow-principal", principal, *tool_options(right, right.operations)]


async def grant_rights(settings: Settings, rights: Iterable[Acl], principal: str) -> int:
    """Give rights to a principal, by a client that may alter the cluster; returns how many operations those are.

    What was given before stays as it is. Raises aiokafka's KafkaError where the brokers refuse.
    """
    count = 0
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        for right in rights:
            for operation in right.operations:
                pattern = _PREFIXED if right.prefixed else _LITERAL
                request = CreateAclsRequest(
                    RESOURCES[right.resource], right.name, pattern, principal, _ANY_HOST, OPERATIONS[operation], _ALLOW
                )
                answer = await admin._send_request(request)  # noqa: SLF001 - aiokafka offers no method for it
                ((code, text),) = answer.creation_responses
                if code:
                    raise for_code(code)(text or right.name)
                count += 1
    return count
