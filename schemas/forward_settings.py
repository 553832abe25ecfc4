"""Settings of forwarders: where completions and who is stuck are told, how it is signed, and how patiently."""

from __future__ import annotations

import base64
import binascii
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from schemas.clickhouse_settings import ClickHouseSettings
from schemas.setting_types import Names, Positive, Secret, seen_as_written
from schemas.wire.forwarding import Kind, is_forwarder

__all__ = ["ForwardSettings", "signing_keys"]

_SECRET: Final = "whsec_"  # noqa: S105 - how one begins
_LEAST_BYTES, _MOST_BYTES = 24, 64


def _address(value: SecretStr) -> SecretStr:
    url = seen_as_written(value.get_secret_value())
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        # Asked for its port, it looks whether that is a number that ports may have; a name with an empty label, which
        # nobody can look up, has no other form.
        well = parts.scheme in {"http", "https"} and " " not in host and bool(host.encode("idna")) and parts.port != 0
    except ValueError:
        well = False
    if not well or parts.username is not None or parts.fragment:
        message = "it must be https://HOST/PATH or http://HOST/PATH, without a login and without #"
        raise ValueError(message)
    return value


def signing_keys(secrets: SecretStr) -> tuple[bytes, ...]:
    """The keys of secrets with commas between them; raises ValueError, without any of them in its text."""
    return tuple(map(_key, (one.strip() for one in secrets.get_secret_value().split(","))))


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_SECRET) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        message = (
            f"each secret in it must be {_SECRET} and the base64 of {_LEAST_BYTES} to {_MOST_BYTES} random bytes, "
            "as `forward secret` makes one"
        )
        raise ValueError(message)
    return key


def _signing(value: SecretStr) -> SecretStr:
    signing_keys(value)
    return value


def _kinds(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or not set(value) <= set(Kind):
        message = f"it takes {' and '.join(Kind)}, with commas"
        raise ValueError(message)
    return value


def _name(value: str) -> str:
    if not is_forwarder(value):
        message = "it must be lower-case letters, digits and hyphens, at most 40"
        raise ValueError(message)
    return value


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ForwardSettings(ClickHouseSettings):
    """The part of `schemas.settings.Settings` that is about forwarders."""

    forward_url: Annotated[SecretStr, AfterValidator(_address)] | None = Field(
        None,
        description="Where a forwarder posts what it tells (docs/forwarding.md): https, or http to this machine.",
    )
    forward_secret: Annotated[Secret, AfterValidator(_signing)] | None = Field(
        None,
        description="With what it signs: `whsec_` and base64, as `forward secret` makes one. Several with commas, the"
        " new one and the old one, while a receiver goes over from one to the other.",
    )
    forward_kinds: Annotated[Names, AfterValidator(_kinds)] = Field(
        (Kind.COMPLETIONS.value,), description="What is told: `completions`, `stuck`, or both with a comma."
    )
    forward_name: Annotated[str, AfterValidator(_name)] = Field(
        "lms",
        description="What the forwarder is called. Those of one name share the work; each other address has another"
        " name, and is told everything by itself.",
    )
    forward_from: Literal["beginning", "now"] = Field(
        "beginning",
        description="Where a forwarder of a new name begins: at the first completion that Kafka has, or with what"
        " comes.",
    )
    forward_parallel: Annotated[int, Field(gt=0, le=256)] = Field(
        8, description="How many students' messages one forwarder posts at a time."
    )
    forward_timeout: Annotated[int, Field(gt=0, le=25)] = Field(
        15, description="Seconds that the receiver has for an answer, 25 at most."
    )
    forward_give_up_hours: Annotated[float, Field(gt=0)] = Field(
        72, description="After how many hours a message that is not taken becomes a dead letter."
    )
    forward_stuck_seconds: Positive = Field(
        60, description="How often ClickHouse is asked who is stuck, in seconds; asked only where `stuck` is told."
    )
    forward_cafile: Path | None = Field(
        None, description="A PEM file of the authorities to trust, with https; without it those of the machine."
    )
    forward_insecure: bool = Field(
        False,  # noqa: FBT003 - the default
        description="`true` allows http to other machines: everybody on the way can read who finished what.",
    )

    @model_validator(mode="after")
    def _nobody_listens(self) -> Self:
        if self.forward_url is None:
            return self
        parts = urlsplit(self.forward_url.get_secret_value())
        if parts.scheme == "http" and not self.forward_insecure and not _is_here(parts.hostname or ""):
            message = (
                "TELEMETRY_FORWARD_URL (--url) is http to another machine, which everybody on the way can read: write"
                " https, or set TELEMETRY_FORWARD_INSECURE=true where nobody is."
            )
            raise ValueError(message)
        return self
