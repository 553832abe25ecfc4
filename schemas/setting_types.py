"""Kinds of values that settings have, and how each is checked."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from schemas.coercion import MOST_ID
from schemas.wire.topic_names import is_reserved

__all__ = [
    "MOST_DAYS",
    "Address",
    "Cluster",
    "Days",
    "Id",
    "Identifier",
    "Names",
    "Natural",
    "Networks",
    "Password",
    "Positive",
    "Quorum",
    "Secret",
    "Servers",
    "ServersUrl",
    "TopicName",
    "TopicPrefix",
    "TraceTarget",
    "Url",
    "seen_as_written",
    "servers_of",
    "topic_name",
]

# ClickHouse's times that rows expire by, and those that views reckon back to, lie between 1970 and 2106 and wrap around
# at both ends: a sum beyond would be long past, and everything gone at once.
MOST_DAYS: Final = 20_000

# Where collectors take traces, unless a URL has a path of its own.
TRACES_PATH: Final = "/v1/traces"

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")

# A server that is called, with the port that it may need; addresses of version 6 are in brackets.
_SERVER: Final = re.compile(r"(?:[^\s/;,@:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        message = f"{value!r} is not HOST:PORT"
        raise ValueError(message)
    return value


def _servers(value: str) -> str:
    for server in value.split(","):
        found = _SERVER.fullmatch(_host_and_port(server.strip()))
        if found is None or not int(found["port"] or 0):
            message = f"{server.strip()!r} is not HOST:PORT, without a scheme before it and with commas between several"
            raise ValueError(message)
    return value


def seen_as_written(url: str) -> str:
    """A URL whose every character can be seen; raises ValueError for another.

    What reads URLs here passes over tabs and line breaks, and what sends there refuses them, again and again.
    """
    if not url.isprintable():
        message = "it holds a tab, a line break or another character that cannot be seen: write it anew"
        raise ValueError(message)
    return url


def _url(value: str) -> str:
    seen_as_written(value)
    if not value.startswith(("http://", "https://")):
        message = "it must begin with http:// or https://"
        raise ValueError(message)
    return value.rstrip("/")


def servers_of(url: str) -> tuple[str, ...]:
    """A URL for each server of one whose servers stand in it with commas: `http://user:password@one:8123,two:8123`."""
    parts = urlsplit(url)
    login, at, servers = parts.netloc.rpartition("@")
    return tuple(parts._replace(netloc=f"{login}{at}{server.strip()}").geturl() for server in servers.split(","))


def _servers_url(value: SecretStr) -> SecretStr:
    url = _url(value.get_secret_value())
    try:
        parts, servers = urlsplit(url), [urlsplit(one).netloc.rpartition("@")[2] for one in servers_of(url)]
        # Asked for its port, it looks whether that is a number that ports may have.
        named = all(_SERVER.fullmatch(server) and urlsplit(f"//{server}").port != 0 for server in servers)
    except ValueError:
        named = False
    # A path or a login in which other servers stand would hide them.
    if not named or "," in parts.path or "@" in parts.netloc.rpartition("@")[0]:
        message = (
            "each server in it must be HOST or HOST:PORT, with commas between several, scheme and login once before the"
            " first and a path once after the last, and @, / and : in a password be %40, %2F and %3A"
        )
        raise ValueError(message)
    return SecretStr(url)


def _one_line(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().isprintable():
        message = "it holds a line break, as `echo` leaves one in a file or a Secret: make it anew without one"
        raise ValueError(message)
    return value


def _not_empty(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        message = "it is empty, and then everybody knows it"
        raise ValueError(message)
    return value


def _trace_target(value: str) -> str:
    if value in ("off", "otel"):
        return value
    seen_as_written(value)
    if not value.startswith(("http://", "https://")):
        message = "it must be off, otel, or a URL that begins with http:// or https://"
        raise ValueError(message)
    return value.rstrip("/") if urlsplit(value).path.strip("/") else value.rstrip("/") + TRACES_PATH


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _days(value: int) -> int:
    if value > MOST_DAYS:
        message = f"it may be at most {MOST_DAYS}, which are 54 years: give that to keep everything"
        raise ValueError(message)
    return value


def topic_name(value: str) -> str:
    """A raw topic's name behind the prefix, as Kafka takes it and no other topic of ours has it; raises ValueError."""
    if not _TOPIC.fullmatch(value) or value in (".", ".."):
        message = "a topic's name has letters, digits, dots, hyphens and underscores, at most 100 of them"
        raise ValueError(message)
    if is_reserved(value):
        message = "the topic of this name is for something else than webhooks: name another one, as webhooks.raw.2"
        raise ValueError(message)
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        ip_network(network)
    return value


Positive = Annotated[int, Field(gt=0)]
Natural = Annotated[int, Field(ge=0)]
# As records' keys and headers, and columns, can have it.
Id = Annotated[int, Field(ge=0, le=MOST_ID)]
# For which something is kept.
Days = Annotated[Positive, AfterValidator(_days)]

Address = Annotated[str, AfterValidator(_host_and_port)]
Servers = Annotated[str, AfterValidator(_servers)]
Url = Annotated[str, AfterValidator(_url)]
TraceTarget = Annotated[str, AfterValidator(_trace_target)]
ServersUrl = Annotated[SecretStr, AfterValidator(_servers_url)]
Password = Annotated[SecretStr, AfterValidator(_one_line)]
Secret = Annotated[Password, AfterValidator(_not_empty)]

# Written with commas in the environment.
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]

# Addresses and networks, as `10.0.0.0/8`.
Networks = Annotated[Names, AfterValidator(_networks)]

# Both become part of SQL, where names cannot be parameters.
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
Cluster = Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$", max_length=64)]
Quorum = Annotated[str, Field(pattern=r"^(off|auto|[2-9]|[1-9][0-9])$")]
# What Kafka takes in a topic's name; the longest own name is well under 100 characters.
TopicPrefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=100)]
TopicName = Annotated[str, AfterValidator(topic_name)]
