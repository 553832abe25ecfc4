"""Dependencies of routes: the gateway's services, and who calls with which academy and capability."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Header, Query, Request, Security
from fastapi.security import APIKeyHeader, APIKeyQuery

from gateway.access import require, required_academy, secret_of, starting
from gateway.api.services import Services
from gateway.errors import ApiError
from schemas.reference.directory import Token
from schemas.reference.tenancy import READ, sees

__all__ = ["AppServices", "Caller", "Staff", "require_sight", "staff_with"]

_header = APIKeyHeader(
    name="Authorization",
    auto_error=False,
    scheme_name="token",
    description="`Token <token>` or `Bearer <token>`.",
)
_parameter = APIKeyQuery(
    name="token",
    auto_error=False,
    scheme_name="tokenParameter",
    description="The token, for clients that can only be given a URL.",
)


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


AppServices = Annotated[Services, Depends(_services)]


async def _caller(
    services: AppServices,
    authorization: Annotated[str | None, Security(_header)] = None,
    parameter: Annotated[str | None, Security(_parameter)] = None,
) -> Token:
    token = services.access.token(secret_of(authorization, parameter))
    if not services.views.complete:
        raise starting()
    return token


Caller = Annotated[Token, Depends(_caller)]


class Staff(NamedTuple):
    """A caller with the wanted capability in an academy."""

    token: Token
    academy: int


class staff_with:  # noqa: N801 - reads as the function that it is used as
    """A dependency: the caller must have a capability in the academy that the request names."""

    def __init__(self, capability: str) -> None:
        self.capability = capability

    async def __call__(
        self,
        token: Caller,
        header: Annotated[str | None, Header(alias="Academy", description="The academy's id.", examples=["1"])] = None,
        parameter: Annotated[str | None, Query(alias="academy", description="In place of the header.")] = None,
    ) -> Staff:
        """Raises ApiError: 401, 403 or 400."""
        academy = required_academy(header, parameter)
        require(token, self.capability, academy)
        return Staff(token, academy)


def require_sight(services: Services, token: Token, user_id: int | None) -> None:
    """Raise ApiError 403 unless a token may read a student's documents (schemas.reference.tenancy).

    The refusal is the same for every student: where they are members is not for everybody to know.
    """
    student = None if user_id is None else services.reference.user(user_id)
    if not sees(token, user_id, student, strict=services.strict):
        raise ApiError("missing-capability.student", capability=READ)
