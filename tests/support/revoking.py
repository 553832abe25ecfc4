"""Takes rights back that operations.granting has given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.errors import for_code
from aiokafka.protocol.admin import DeleteAclsRequest

from broker import clients
from broker.authorized import OPERATIONS
from operations.granting import RESOURCES

if TYPE_CHECKING:
    from operations.acls import Acl
    from schemas.settings import Settings

__all__ = ["revoke_right"]

_PREFIXED, _LITERAL, _ALLOW = 4, 3, 3


async def revoke_right(settings: Settings, right: Acl, principal: str) -> None:
    """Take all operations of a right away, as an administrator; raises AssertionError where one was not given."""
    pattern = _PREFIXED if right.prefixed else _LITERAL
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        for operation in right.operations:
            number = OPERATIONS[operation]
            request = DeleteAclsRequest(RESOURCES[right.resource], right.name, pattern, principal, "*", number, _ALLOW)
            answer = await admin._send_request(request)  # noqa: SLF001 - aiokafka offers no method for it
            ((code, text, matching),) = answer.filter_responses
            if code:
                raise for_code(code)(text)
            assert len(matching) == 1, f"{principal} had no right to {operation} {right}"
