"""Settings of every part, read from `TELEMETRY_*` environment variables and `.env`."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
)

__all__ = ["PREFIX", "REDACTION_OFF", "Settings", "SettingsError", "load_settings"]

PREFIX: Final = "TELEMETRY_"

# What TELEMETRY_REDACT may be instead of names: then notebooks' code is kept, too.
REDACTION_OFF: Final = "off"

# The notebooks' package reads these; they are not ours to judge.
_FOREIGN: Final = (f"{PREFIX}PACKAGE_",)


class SettingsError(ValueError):
    """A setting is unknown or has a bad value; the text says which and what to do."""


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        message = f"{value!r} is not HOST:PORT"
        raise ValueError(message)
    return value


def _server(value: str) -> str:
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


# Both become part of SQL, where names cannot be parameters.
_Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
_Cluster = Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$", max_length=64)]
# A client whose broker is away tries about twice in this time, and a worker has one for each of its partitions. More
# would hold up a transaction that has to wait for the end of the one before.
_RETRY_BACKOFF_MS: Final = 250

# What Kafka takes in a topic's name; the longest own part is well under 100 characters.
_TopicPrefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=100)]
_TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=100)]


class Settings(BaseSettings):
    """Every setting with its default; names are those of the environment without the prefix, in lower case."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    kafka: Annotated[str, AfterValidator(_server)] = "127.0.0.1:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_security_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    kafka_security_username: str | None = None
    kafka_security_password: SecretStr | None = None
    kafka_security_cafile: Path | None = None

    clickhouse: Annotated[SecretStr, AfterValidator(_secret_url)] = SecretStr("http://default@127.0.0.1:8123")
    clickhouse_cluster: _Cluster = ""
    database: _Identifier = "telemetry"

    gateway_bind: Annotated[str, AfterValidator(_host_and_port)] = "127.0.0.1:8000"
    gateway_url: Annotated[str, AfterValidator(_url)] = "http://127.0.0.1:8000"
    gateway_origins: str = "*"
    token: SecretStr | None = None
    auth: Literal["token", "open"] = "token"
    spool: Path = Path(".telemetry/spool")
    spool_max_bytes: Annotated[int, Field(gt=0)] = 1 << 30
    max_body_bytes: Annotated[int, Field(gt=0, le=512 << 20)] = 5 << 20
    rate_limit: Annotated[int, Field(gt=0)] = 600

    partitions: Annotated[int, Field(gt=0, le=2047)] = 8
    replication: Annotated[int, Field(gt=0)] = 1
    topic_prefix: _TopicPrefix = "learnpack."
    raw_topic: _TopicName = "webhooks.raw"
    generation: Annotated[int, Field(gt=0)] = 1

    directory: Literal["open", "strict"] = "open"
    default_academy: Annotated[int, Field(ge=0)] | None = None
    dedup_window: Annotated[int, Field(ge=0)] = 600
    algorithm: Literal["1.0", "1.1"] = "1.0"
    chunk_records: Annotated[int, Field(gt=0)] = 2_000
    chunk_bytes: Annotated[int, Field(gt=0)] = 8 << 20
    redact: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    store: Literal["rocksdb", "memory"] = "rocksdb"
    data: Path = Path(".telemetry")
    webhook_retention_days: Annotated[int, Field(gt=0)] = 30
    raw_retention_days: Annotated[int, Field(gt=0)] = 365
    log_format: Literal["console", "json"] = "console"

    @classmethod
    def settings_names(cls) -> frozenset[str]:
        """The environment variables that are settings, in upper case with the prefix."""
        return frozenset(f"{PREFIX}{name}".upper() for name in cls.model_fields)

    def kafka_options(self) -> dict[str, Any]:
        """Connection arguments that every aiokafka client of the system takes."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.kafka,
            "security_protocol": self.kafka_security_protocol,
            "retry_backoff_ms": _RETRY_BACKOFF_MS,
        }
        if self.kafka_security_mechanism is not None:
            options["sasl_mechanism"] = self.kafka_security_mechanism
            options["sasl_plain_username"] = self.kafka_security_username
            if self.kafka_security_password is not None:
                options["sasl_plain_password"] = self.kafka_security_password.get_secret_value()
        if self.kafka_security_protocol in ("SSL", "SASL_SSL"):
            import ssl  # noqa: PLC0415 - only encrypted clusters pay for it

            cafile = str(self.kafka_security_cafile) if self.kafka_security_cafile else None
            options["ssl_context"] = ssl.create_default_context(cafile=cafile)
        return options


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` come before the environment, and that before `.env`.

    Raises SettingsError for an unknown `TELEMETRY_` name in the environment or in `.env`, and for a bad value, with one
    line that names it. No value of a secret is in it.
    """
    try:
        sources = {**DotEnvSettingsSource(Settings).env_vars, **EnvSettingsSource(Settings).env_vars}
    except UnicodeDecodeError as error:
        message = f".env is not UTF-8: {error}. Save it as UTF-8."
        raise SettingsError(message) from error
    known = Settings.settings_names()
    for name in sorted(map(str.upper, sources)):
        if name.startswith(PREFIX) and name not in known and not name.startswith(_FOREIGN):
            # Without the prefix, for with it every two names are alike.
            near = difflib.get_close_matches(
                name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known], n=1
            )
            hint = f"did you mean {PREFIX}{near[0]}?" if near else f"known ones: {', '.join(sorted(known))}."
            message = f"{name} is not a setting; {hint} Correct its name or unset it."
            raise SettingsError(message)
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_complaint(error)) from None


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    annotation = Settings.model_fields[field].annotation if field in Settings.model_fields else None
    given = "" if "SecretStr" in str(annotation) else f" (got {first['input']!r:.200})"
    return f"{PREFIX}{field.upper()}: {first['msg']}{given}. Correct it or unset it for the default."
