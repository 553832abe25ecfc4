"""The whole system on one machine: its parts, in order, for the supervisor."""

from __future__ import annotations

import fcntl
import os
import sys
from collections import ChainMap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.clickhouse.access import Analyst
from deploy.local.errors import LocalStackError
from deploy.local.resources import free_port, is_free, require_free_port, reserve_port
from deploy.run.brokers import broker_parts, copies_of, plan_brokers
from deploy.run.kept import Kept, set_for_commands, write_env
from deploy.run.ready_files import awaiting
from deploy.run.scraping import BIND, SUPERVISOR, TARGETS, choose_binds, targets_of
from deploy.run.supervisor import Part
from deploy.run.written_by import note_writer, require_readable
from operations.generations.journal import at_live, read_journal
from operations.generations.raw_topic import log_of_generation, require_raw_topic
from operations.installing import set_up
from operations.roles import analyst_grants
from operations.secret_files import write_secret
from operations.tokens import CAPABILITIES, NewToken, grant, new_secret
from schemas.errors import OperatorError
from schemas.reference.tenancy import REPORT_FOR_ANYONE
from schemas.settings import PREFIX, load_settings
from schemas.wire.generations import Journal, JournalError, NewerJournalError
from sinks.templates import Installation

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

    from deploy.local.progress import Progress
    from schemas.settings import Settings

__all__ = ["DEV_ACADEMY", "DEV_USER", "LocalSystem"]

DEV_USER: Final = 1
DEV_ACADEMY: Final = 1

_CLICKHOUSE_USER: Final = "telemetry"
_ANALYST_USER: Final = "analyst"
# Settings that name what the servers hold.
_NAMES: Final = ("topic_prefix", "raw_topic", "partitions", "database")
# Each partition has transactions and files of its own, and the machine its few cores: more would only cost.
_PARTITIONS: Final = 4


class LocalSystem:
    """Kafka, the ClickHouse engine, gateway, workers and sink, with all their data in one directory."""

    def __init__(self, directory: Path, workers: int, settings: Settings, brokers: int | None = None) -> None:
        """Plan a system with this many workers and brokers; nothing is started or written.

        Without a number it has as many brokers as the directory. Raises LocalStackError where that has another number.
        """
        self.directory = directory.absolute()
        self._workers = workers
        self._base = settings
        # Whoever says where to and with what has messages forwarded.
        self._more = ("forward",) if settings.forward_url and settings.forward_secret else ()
        self._kept = Kept(self.env_file)
        self.token = self._kept.token()
        self._kafka = plan_brokers(self.directory, brokers, self._kept, settings)
        self._clickhouse = ClickHouseServer(
            self.directory / "clickhouse",
            self._kept.port("TELEMETRY_CLICKHOUSE"),
            user=_CLICKHOUSE_USER,
            password=self._kept.password("TELEMETRY_CLICKHOUSE", _CLICKHOUSE_USER),
            analyst=Analyst(
                _ANALYST_USER,
                self._kept.password("TELEMETRY_ANALYST_CLICKHOUSE", _ANALYST_USER),
                tuple(analyst_grants(Installation.of(settings))),
            ),
        )
        self.ingest_key = self._read_key() or new_secret()
        self._is_set_up = False
        self._lock: IO[str] | None = None
        self._bind = ""
        self._binds: dict[str, str] = {}
        self._env: dict[str, str] = {}
        # Settings of the log that nobody has set: as the generation that is worked on has them, else for a new log.
        self.followed: dict[str, Any] = {}
        if "partitions" not in settings.model_fields_set:
            self.followed["partitions"] = self._kept.partitions() or max(_PARTITIONS, workers)
        if copies_of(self._kafka) > 1 and "replication" not in settings.model_fields_set:
            self.followed["replication"] = copies_of(self._kafka)
        # Why the settings were refused, if they were: no server is to blame.
        self.refusal = ""

    @property
    def _spool(self) -> Path:
        return self.directory / "spool"

    @property
    def env_file(self) -> Path:
        """Where the addresses are written for people and scripts."""
        return self.directory / "env"

    @property
    def gateway_url(self) -> str:
        """The gateway's address."""
        return f"http://{self._bind}"

    @property
    def left_port(self) -> int | None:
        """The gateway's port at the last run, where it has another one now."""
        last = self._kept.last_port("TELEMETRY_GATEWAY_URL")
        return None if self._bind.endswith(f":{last}") else last

    @property
    def clickhouse_url(self) -> str:
        """ClickHouse's address with user and password."""
        return self._clickhouse.url

    @property
    def analyst_url(self) -> str:
        """The same for analysts, who only read."""
        return self._clickhouse.analyst_url

    @property
    def addresses(self) -> dict[str, str]:
        """What `DIR/env` holds: everything by which a command finds this system and no other."""
        named = {name: getattr(self._base, name) for name in _NAMES} | self.followed
        return {
            "TELEMETRY_GATEWAY_URL": self.gateway_url,
            "TELEMETRY_KAFKA": self._kafka.bootstrap,
            "TELEMETRY_CLICKHOUSE": self._clickhouse.url,
            "TELEMETRY_ANALYST_CLICKHOUSE": self._clickhouse.analyst_url,
            "TELEMETRY_TOKEN": self.token,
            "TELEMETRY_DATA": str(self.directory),
            "TELEMETRY_SPOOL": str(self._spool),
            TARGETS: ",".join(f"{part}={address}" for part, address in self.metrics_addresses.items()),
            **{f"{PREFIX}{name.upper()}": str(value) for name, value in named.items()},
            **set_for_commands(self._base),
        }

    @property
    def metrics_addresses(self) -> dict[str, str]:
        """Where the metrics of each part are, after `prepare`."""
        return {**self._binds, "gateway": self._bind}

    @property
    def _key_file(self) -> Path:
        return self.directory / "ingest-key"

    def _read_key(self) -> str:
        try:
            return self._key_file.read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def prepare(self, progress: Progress) -> None:
        """Take the directory, fetch what the first start needs and choose the addresses; blocks.

        `DIR/env` stays as the last run has left it until Kafka has told which log is worked on: till then it would
        name a log that a terminal takes for the right one. Raises LocalStackError where the preparation fails or
        another system runs on the directory, and as `require_readable`.
        """
        self._take_directory()
        require_readable(self.directory)
        self._kafka.prepare(progress)
        self._clickhouse.prepare(progress)
        self._bind = self._choose_bind()
        self._binds = self._choose_binds()
        write_secret(self._key_file, f"{self.ingest_key}\n")
        note_writer(self.directory)

    def _take_directory(self) -> None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.directory / "lock").open("w", encoding="utf-8")
        except OSError as error:
            message = f"cannot write to {self.directory}: {error.strerror}. Name another directory with --data."
            raise LocalStackError(message) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"a system runs on {self.directory} already; stop it or name another directory with --data."
            raise LocalStackError(message) from error

    def _choose_bind(self) -> str:
        """The gateway's address, kept from others who start at the same time: theirs listens only in a while."""
        host, _, port = self._base.gateway_bind.rpartition(":")
        if "gateway_bind" in self._base.model_fields_set:
            require_free_port(int(port), "The gateway")
            if reserve_port(int(port)) is None:
                message = (
                    f"another `up` has port {port}: name another one with TELEMETRY_GATEWAY_BIND, or leave it out."
                )
                raise LocalStackError(message)
            return self._base.gateway_bind
        for wanted in (self._kept.port("TELEMETRY_GATEWAY_URL"), int(port)):
            # The lock is held as long as this process runs.
            if wanted is not None and is_free(wanted) and reserve_port(wanted) is not None:
                return f"{host}:{wanted}"
        return f"{host}:{free_port()}"

    def _choose_binds(self) -> dict[str, str]:
        parts = [SUPERVISOR, *(f"worker-{number}" for number in range(1, self._workers + 1)), "sink", *self._more]
        binds = choose_binds(parts, targets_of(self._kept.value(TARGETS)))
        return binds if self._base.metrics_bind is None else {**binds, SUPERVISOR: self._base.metrics_bind}

    def _set_env(self) -> None:
        """Make up what parts that start from now on have in their environment."""
        variables = {
            f"{PREFIX}KAFKA": self._kafka.bootstrap,
            f"{PREFIX}CLICKHOUSE": self._clickhouse.url,
            f"{PREFIX}GATEWAY_BIND": self._bind,
            # By which a gateway, too, tells operators whether it is ready.
            f"{PREFIX}GATEWAY_URL": self.gateway_url,
            f"{PREFIX}DATA": str(self.directory),
            f"{PREFIX}SPOOL": str(self._spool),
            f"{PREFIX}DEFAULT_ACADEMY": str(self.settings().default_academy),
        }
        followed = {f"{PREFIX}{name.upper()}": str(value) for name, value in self.followed.items()}
        self._env.update({**os.environ, "PYTHONUNBUFFERED": "1", **variables, **followed})

    def settings(self) -> Settings:
        """The settings that the parts run with, after `prepare`."""
        return load_settings(
            **self.followed,
            kafka=self._kafka.bootstrap,
            clickhouse=self._clickhouse.url,
            gateway_bind=self._bind,
            gateway_url=self.gateway_url,
            token=self.token,
            data=self.directory,
            spool=self._spool,
            metrics_bind=self._binds.get(SUPERVISOR),
            # Whose staff the token is: what LearnPack sends without an academy is in its log, too.
            default_academy=DEV_ACADEMY if self._base.default_academy is None else self._base.default_academy,
        )

    async def _set_up(self, timeout: float) -> None:  # noqa: ASYNC109 - the supervisor's interface
        await self._clickhouse.wait_ready(timeout)
        if self._is_set_up:
            # It was killed: it works again whatever Kafka does.
            return
        try:
            settings = await self._live_settings()
            await set_up(settings)
        except OperatorError as error:
            # With what is refused no command would find the system that was there.
            self._kept.restore()
            self.refusal = str(error)
            raise
        token = NewToken(
            DEV_USER, {DEV_ACADEMY: (*CAPABILITIES, REPORT_FOR_ANYONE)}, datetime.now(UTC), label="development"
        )
        await grant(settings, token, self.token)
        key = NewToken(None, {DEV_ACADEMY: ()}, datetime.now(UTC), label="development")
        await grant(settings, key, self.ingest_key)
        self._is_set_up = True

    async def _live_settings(self) -> Settings:
        """The settings with the generation that is worked on, and its log; raises RawTopicError if that is another."""
        settings, journal = self.settings(), Journal()
        try:
            journal = await read_journal(settings)
        except JournalError as error:
            # Who names the generation has done what it asks for, unless a newer release is asked for.
            if "generation" not in settings.model_fields_set or isinstance(error, NewerJournalError):
                raise
        log = await log_of_generation(settings, journal)
        if followed := {name: value for name, value in log.items() if name not in self._base.model_fields_set}:
            self.followed |= followed
            self._set_env()
            settings = self.settings()
        require_raw_topic(settings, journal)
        # Before anything is made by them: a start that is killed now is followed by one that knows them.
        write_env(self.env_file, self.addresses)
        return at_live(settings, journal)

    def parts(self) -> list[Part]:
        """The parts in the order in which they start, after `prepare`."""
        self._set_env()
        clickhouse = Part("clickhouse", self._clickhouse.command(), self._clickhouse.env(), self._set_up, critical=True)
        workers = [
            self._own(f"worker-{number}", "worker", "--data", str(self.directory / f"worker-{number}"))
            for number in range(1, self._workers + 1)
        ]
        # Together: each spends its first seconds on loading libraries and joining groups.
        parts = [*workers, *(self._own(name, name) for name in ("sink", "gateway", *self._more))]
        return [*broker_parts(self._kafka), clickhouse, *parts]

    def _own(self, name: str, *arguments: str) -> Part:
        ready = self.directory / "run" / f"{name}.ready"
        ready.parent.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "deploy.cli", *arguments, "--ready-file", str(ready)]
        # What is set of the environment later on counts as well.
        env = ChainMap({BIND: self._binds[name]} if name in self._binds else {}, self._env)
        return Part(name, command, env, awaiting(ready), together=name != "worker-1", ready_file=ready)
