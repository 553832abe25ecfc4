"""Kinds of values that settings have, and how each is checked."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

__all__ = [
    "Address",
    "Cluster",
    "Identifier",
    "Names",
    "Natural",
    "Networks",
    "Positive",
    "SecretUrl",
    "Servers",
    "TopicName",
    "TopicPrefix",
    "Url",
]


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        message = f"{value!r} is not HOST:PORT"
        raise ValueError(message)
    return value


def _servers(value: str) -> str:
    for server in value.split(","):
        _host_and_port(server.strip())
    return value


def _url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        message = "it must begin with http:// or https://"
        raise ValueError(message)
    return value.rstrip("/")


def _secret_url(value: SecretStr) -> SecretStr:
    return SecretStr(_url(value.get_secret_value()))


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        ip_network(network)
    return value


Positive = Annotated[int, Field(gt=0)]
Natural = Annotated[int, Field(ge=0)]

Address = Annotated[str, AfterValidator(_host_and_port)]
Servers = Annotated[str, AfterValidator(_servers)]
Url = Annotated[str, AfterValidator(_url)]
SecretUrl = Annotated[SecretStr, AfterValidator(_secret_url)]

# Written with commas in the environment.
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]

# Addresses and networks, as `10.0.0.0/8`.
Networks = Annotated[Names, AfterValidator(_networks)]

# Both become part of SQL, where names cannot be parameters.
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
Cluster = Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$", max_length=64)]
# What Kafka takes in a topic's name; the longest own name is well under 100 characters.
TopicPrefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=100)]
TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=100)]
