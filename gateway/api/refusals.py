"""How routes describe in OpenAPI what they refuse."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from gateway.messages import MESSAGES

__all__ = ["OF_ANY_CALLER", "OF_STAFF", "Refusal", "refusals"]

OF_ANY_CALLER: Final = ("authentication-required", "invalid-token", "starting")
OF_STAFF: Final = (*OF_ANY_CALLER, "missing-academy", "invalid-academy-id", "missing-capability")


class Refusal(BaseModel):
    """Why a request was refused."""

    detail: str = Field(description="In English or Spanish, by `Accept-Language`.")
    slug: str = Field(description="The same in every language.")
    status_code: int


class _Placeholders(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f"<{name}>"


def refusals(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for these slugs, with an example of each."""
    described: dict[int | str, dict[str, Any]] = {}
    for slug in slugs:
        message = MESSAGES[slug]
        text = message.en.format_map(_Placeholders())
        response = described.setdefault(
            message.status,
            {"model": Refusal, "description": "", "content": {"application/json": {"examples": {}}}},
        )
        response["description"] = ", ".join(filter(None, (response["description"], f"`{slug}`")))
        value = {"detail": text, "slug": slug, "status_code": message.status}
        response["content"]["application/json"]["examples"][slug] = {"value": value}
    return described
