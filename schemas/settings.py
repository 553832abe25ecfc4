"""Settings of every part, read from `TELEMETRY_*` environment variables, `.env` and files of secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from schemas.errors import SettingsError
from schemas.forward_settings import ForwardSettings
from schemas.kafka_security import Security
from schemas.lms_settings import LmsSettings
from schemas.redaction import NEEDED
from schemas.setting_files import USUAL, directory_of, values_in
from schemas.setting_names import unknown
from schemas.setting_types import (
    Address,
    Days,
    Id,
    Names,
    Natural,
    Networks,
    Password,
    Positive,
    Secret,
    Servers,
    TopicName,
    TopicPrefix,
    TraceTarget,
    Url,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PREFIX", "REDACTION_OFF", "Settings", "SettingsError", "given_settings", "load_settings"]

PREFIX: Final = "TELEMETRY_"

# What TELEMETRY_REDACT may be instead of names: then notebooks' code is kept, too.
REDACTION_OFF: Final = "off"

_SECRETS: Final = f"{PREFIX}SECRETS"

# The notebooks' package reads these; they are not ours to judge.
_FOREIGN: Final = (f"{PREFIX}PACKAGE_",)


class Settings(ForwardSettings, LmsSettings):
    """Every setting with its default; names are those of the environment without the prefix, in lower case."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    kafka: Servers = Field("127.0.0.1:9092", description="Kafka's bootstrap servers: HOST:PORT, several with commas.")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How connections to Kafka are secured."
    )
    kafka_security_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = Field(
        None, description="How to log in to Kafka, with a SASL protocol."
    )
    kafka_security_username: str | None = Field(None, description="The name to log in with.")
    kafka_security_password: Password | None = Field(None, description="Its password.")
    kafka_security_cafile: Path | None = Field(
        None, description="A file of the authorities to trust, with SSL; without it those of the machine."
    )
    kafka_security_certfile: Path | None = Field(
        None, description="A PEM file of the certificate to show to brokers that ask for one, with those above it."
    )
    kafka_security_keyfile: Path | None = Field(
        None, description="A PEM file of its key, without a password; unset, the key is in the certificate's file."
    )
    kafka_security_tokenfile: Path | None = Field(
        None, description="A file of the token to log in with by OAUTHBEARER; it is read at each login."
    )
    partitions: Annotated[int, Field(gt=0, le=2047)] = Field(
        8,
        description="Partitions of the raw topic and of all derived ones: the most workers there can be. `up` makes 4,"
        " or one a worker, where a directory has no log yet.",
    )
    replication: Positive = Field(1, description="Copies of each partition; 3 on a cluster.")
    topic_prefix: TopicPrefix = Field("learnpack.", description="How the names of all topics begin.")
    raw_topic: TopicName = Field(
        "webhooks.raw", description="The raw topic, behind the prefix; another one after `raw copy` or `raw restore`."
    )
    generation: Positive = Field(
        1,
        description="The generation to work on, for the change to a copied log; leave it unset to follow the live one.",
    )

    gateway_bind: Address = Field("127.0.0.1:8000", description="Where the gateway listens: HOST:PORT.")
    gateway_origins: str = Field(
        "*", description="Whose pages may call the gateway from a browser: origins with commas, or `*` for any."
    )
    auth: Literal["token", "open"] = Field(
        "token", description="`open` lets everybody do everything, for experiments on a machine of your own."
    )
    rate_limit: Positive = Field(
        600, description="Webhooks of one personal token in a minute, and of each student under an ingest key."
    )
    rate_limit_bytes: Positive = Field(64 << 20, description="The bytes of them, after unpacking.")
    ingest_rate_limit: Positive = Field(
        60_000, description="Webhooks under one ingest key in a minute; whoever sends little passes even above it."
    )
    ingest_rate_limit_bytes: Positive = Field(2 << 30, description="The bytes of them, after unpacking.")
    trusted_proxies: Networks = Field(
        (), description="Addresses of proxies in front, with commas, whose X-Forwarded-For is believed: `10.0.0.0/8`."
    )
    connections_per_address: Positive = Field(
        512, description="Connections that one address may have open; those of trusted proxies are not counted."
    )
    max_body_bytes: Annotated[int, Field(gt=0, le=512 << 20)] = Field(
        5 << 20, description="The largest body, in bytes after unpacking; topics and clients are set to match."
    )
    spool: Path = Field(
        Path(".telemetry/spool"), description="Directory of webhooks that were answered `ok` while Kafka was away."
    )
    spool_max_bytes: Positive = Field(1 << 30, description="Its limit in bytes; then the gateway answers 503.")

    directory: Literal["open", "strict"] = Field(
        "open", description="`strict` checks users, assets and tasks as the LMS does; `open` takes what is sent."
    )
    default_academy: Id | None = Field(
        None, description="The academy of webhooks that name none; unset, no academy's staff see those."
    )
    dedup_window: Natural = Field(600, description="Seconds in which the same webhook again is a repeat.")
    algorithm: Literal["1.0", "1.1"] = Field("1.0", description="Version of the indicators (docs/indicators.md).")
    redact: Names = Field(
        (),
        description="Keys, with commas, that documents, the log of webhooks and dead letters do not keep; `off` keeps"
        " the code of notebooks' cells.",
    )
    redact_raw: bool = Field(
        False,  # noqa: FBT003 - the default
        description="`true` keeps them out of the raw topic, too: the gateway leaves them out of what it takes.",
    )

    pseudonym_key: Secret | None = Field(
        None,
        description="Secret of the pseudonyms that stand for user ids that are no numbers; unset, `setup` makes one"
        " and keeps it in Kafka. With another one the same student is another actor.",
    )
    notebook_names: Literal["as-sent", "pseudonym"] = Field(
        "as-sent", description="`pseudonym` keeps notebooks' students under pseudonyms, not under the names they give."
    )
    notebook_properties: Names = Field(
        (),
        description="Properties of notebooks' events, with commas, whose texts are names that facts may keep; numbers"
        " and flags are kept anyhow.",
    )

    store: Literal["rocksdb", "memory"] = Field("rocksdb", description="Where a worker keeps its state beside Kafka.")
    data: Path = Field(Path(".telemetry"), description="Directory of `up`, and of a worker's state.")
    chunk_records: Positive = Field(2_000, description="The most webhooks in one transaction of a worker.")
    chunk_bytes: Positive = Field(8 << 20, description="The most bytes of them.")

    webhook_retention_days: Days = Field(30, description="Days for which the log of webhooks goes back.")
    raw_retention_days: Days = Field(365, description="Days for which Kafka and table `raw` keep what was received.")

    metrics_bind: Address | None = Field(
        None,
        description="Where a worker, a sink or the monitor tells Prometheus and probes how it is: HOST:PORT; unset,"
        " nowhere. The gateway does at its own address. `up` gives each part a free port.",
    )
    metrics_targets: Names = Field(
        (),
        description="The addresses at which the parts of `up` tell it, PART=HOST:PORT with commas; `up` names them, the"
        " parts do not use them.",
    )

    traces: TraceTarget = Field(
        "off",
        description="Where traces go: `off`, nowhere; `otel`, where the OTEL_ variables of the environment say; or the"
        " URL of a collector that takes OTLP over HTTP, `http://127.0.0.1:4318`. Needs the extra `otel`.",
    )
    traces_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.01, description="The share of webhooks' requests that is traced, from 0 to 1."
    )

    gateway_url: Url = Field("http://127.0.0.1:8000", description="The gateway, for commands that send to it.")
    token: SecretStr | None = Field(None, description="The token that they send.")
    lrs_username: str | None = Field(None, description="The name with which `export xapi` logs in to an LRS.")
    lrs_password: Password | None = Field(None, description="Its password.")
    log_format: Literal["console", "json"] = Field("console", description="Logs for people, or a JSON object a line.")

    secrets: Path = Field(
        USUAL,
        description="Directory of settings that are files, each named as its setting: `telemetry_clickhouse` is"
        " `TELEMETRY_CLICKHOUSE`. Unset, it need not be there.",
    )

    @classmethod
    def settings_names(cls) -> frozenset[str]:
        """The environment variables that are settings, in upper case with the prefix."""
        return frozenset(f"{PREFIX}{name}".upper() for name in cls.model_fields)

    @field_validator("redact_raw")
    @classmethod
    def _needs_keys(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic calls it
        keys = frozenset(info.data.get("redact", ())) - {REDACTION_OFF}
        if value and not keys:
            message = f"it leaves out the keys that {PREFIX}REDACT names, which are none"
            raise ValueError(message)
        if value and (needed := sorted(keys & NEEDED)):
            message = f"facts and scores are computed from {', '.join(needed)}: take that out of {PREFIX}REDACT"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _security_of_kafka(self) -> Self:
        if message := self.kafka_security.contradiction():
            raise ValueError(message)
        return self

    @property
    def kafka_security(self) -> Security:
        """How connections to Kafka are secured."""
        return Security(**{name: getattr(self, f"kafka_security_{name}") for name in Security.__dataclass_fields__})

    @property
    def max_message_bytes(self) -> int:
        """Bytes of the largest message that ours write, headers included: a body, and what is computed of it."""
        return 2 * self.max_body_bytes

    @property
    def redacted_keys(self) -> frozenset[str]:
        """The keys that nothing derived from a webhook keeps."""
        return frozenset(self.redact) - {REDACTION_OFF}

    @property
    def keys_out_of_raw(self) -> frozenset[str]:
        """The keys that the gateway leaves out of what it takes."""
        return self.redacted_keys if self.redact_raw else frozenset()

    def kafka_options(self) -> dict[str, Any]:
        """Connection arguments that every aiokafka client of the system takes.

        Raises SettingsError where a file that they name cannot be used.
        """
        return {"bootstrap_servers": self.kafka, **self.kafka_security.options()}


def given_settings() -> dict[str, str]:
    """What the environment, `.env` and files of secrets hold, by name in upper case.

    Raises SettingsError if `.env` or one of the files cannot be read.
    """
    said = _said()
    return {**_in_files(said), **said}


def _said() -> dict[str, str]:
    """What the environment and `.env` hold, by name in upper case."""
    try:
        sources = {**DotEnvSettingsSource(Settings).env_vars, **EnvSettingsSource(Settings).env_vars}
    except UnicodeDecodeError as error:
        message = f".env is not UTF-8: {error}. Save it as UTF-8."
        raise SettingsError(message) from error
    return {name.upper(): value or "" for name, value in sources.items()}


def _in_files(said: Mapping[str, str]) -> dict[str, str]:
    directory = directory_of(_SECRETS, said)
    return {} if directory is None else values_in(directory, PREFIX)


def load_settings(*, options: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings; `overrides` come before the environment, that before `.env`, and that before files of secrets.

    Raises SettingsError for an unknown `TELEMETRY_` name in any of them, and for a bad value, with one line that names
    it. No value of a secret is in it. `options` names the options of a command whose values `overrides` have: those are
    named in place of the setting.
    """
    known = Settings.settings_names()
    said = _said()
    files = _in_files(said)
    for name in sorted({**files, **said}):
        if name.startswith(PREFIX) and name not in known and not name.startswith(_FOREIGN):
            raise SettingsError(unknown(name, known, PREFIX))
    try:
        last = {name.removeprefix(PREFIX).lower(): value for name, value in files.items() if name not in said}
        return Settings(**{**last, **overrides})
    except ValidationError as error:
        raise SettingsError(_complaint(error, options)) from None


def _complaint(error: ValidationError, options: Mapping[str, str] | None) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    annotation = Settings.model_fields[field].annotation if field in Settings.model_fields else None
    given = "" if "SecretStr" in str(annotation) else f" (got {first['input']!r:.200})"
    wrong = first["msg"].removeprefix("Value error, ")
    if not field:
        # Of several settings together, it names them itself.
        return wrong
    if option := (options or {}).get(field):
        return f"{option}: {wrong}{given}. Correct it."
    return f"{PREFIX}{field.upper()}: {wrong}{given}. Correct it or unset it for the default."
