"""A broker that lets nobody in who is not known, and nobody do what is not granted, on this machine.

Three listeners: TLS with certificates of clients, SASL over TLS with passwords (SCRAM-SHA-512) and tokens
(OAUTHBEARER), and the controller's. The one super user is `admin`, by certificate or password; the broker is it, too.
"""

from __future__ import annotations

import base64
import re
import subprocess
import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Final

from aiokafka.errors import KafkaError

from broker import clients
from deploy.local.kafka import artifacts
from deploy.local.kafka.java import java_command, java_environment
from deploy.local.process import LocalServer
from deploy.local.progress import silent
from deploy.local.resources import LOOPBACK, free_port, listens
from operations.acls import Part, principal_of
from schemas.settings import Settings
from tests.support.authorities import Authority, TokenIssuer
from tests.support.java_cache import java_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.local.progress import Progress

__all__ = ["ADMIN", "SecuredKafka", "user_of"]

ADMIN: Final = "admin"

_QUIET: Final = ("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED")
_OAUTH: Final = "org.apache.kafka.common.security.oauthbearer"
_DENIED: Final = re.compile(
    r"Principal = User:(?P<user>\S+) is Denied operation = (?P<operation>\w+) .* on resource = (?P<resource>\S+) "
)


def user_of(part: Part) -> str:
    """The user as which a part logs in."""
    return principal_of(part).removeprefix("User:")


class SecuredKafka(LocalServer):
    """One KRaft node; `admin` and a user for each part exist, none of whom but `admin` may do anything yet."""

    name: ClassVar[str] = "Kafka"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(self.directory)
        self.issuer = TokenIssuer()
        self._certificate = self.authority.issue(ADMIN)
        self._ports = {name: free_port() for name in ("TLS", "SASL", "CONTROLLER")}
        self._jars: list[Path] = []

    def address(self, listener: str) -> str:
        """HOST:PORT of a listener, `TLS` or `SASL`."""
        return f"{LOOPBACK}:{self._ports[listener]}"

    @staticmethod
    def password_of(user: str) -> str:
        """A user's password."""
        return f"secret of {user}"

    def as_user(self, user: str, **more: Any) -> dict[str, Any]:
        """The settings with which somebody logs in by password; `more` come before them."""
        return {
            "kafka": self.address("SASL"),
            "kafka_security_protocol": "SASL_SSL",
            "kafka_security_mechanism": "SCRAM-SHA-512",
            "kafka_security_username": user,
            "kafka_security_password": self.password_of(user),
            "kafka_security_cafile": self.authority.certificate,
            **more,
        }

    def by_certificate(self, certificate: Path, **more: Any) -> dict[str, Any]:
        """The settings with which somebody comes by a certificate."""
        return {
            "kafka": self.address("TLS"),
            "kafka_security_protocol": "SSL",
            "kafka_security_cafile": self.authority.certificate,
            "kafka_security_certfile": certificate,
            **more,
        }

    def by_token(self, file: Path, **more: Any) -> dict[str, Any]:
        """The settings with which somebody logs in by the token in a file."""
        return {
            "kafka": self.address("SASL"),
            "kafka_security_protocol": "SASL_SSL",
            "kafka_security_mechanism": "OAUTHBEARER",
            "kafka_security_tokenfile": file,
            "kafka_security_cafile": self.authority.certificate,
            **more,
        }

    def denied(self, prefix: str) -> list[tuple[str, str, str]]:
        """Who was refused what of a prefix, or of the cluster, so far: users, operations, and resources."""
        found: Iterator[re.Match[str]] = _DENIED.finditer(self._audit.read_text(errors="replace"))
        all_ = [(one["user"], one["operation"], one["resource"]) for one in found]
        return [one for one in all_ if prefix in one[2] or one[2].startswith("Cluster")]

    def prepare(self, progress: Progress = silent) -> None:
        """Fetch the jars, write the configuration and format the log directory, with its users."""
        self._jars = artifacts.fetch(progress)
        self.issuer.write_key_set(self.directory / "keys.json")
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in self._values().items()))
        self._log4j.write_text(_LOGGING.format(log=self.directory / "kafka.log", audit=self._audit))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        users = [
            f"--add-scram=SCRAM-SHA-512=[name={user},password={self.password_of(user)}]"
            for user in (ADMIN, *map(user_of, Part))
        ]
        told = [f"--cluster-id={cluster}", "-c", str(self._properties), *users]
        tool = [*self._java("-Xmx128m", "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format", *told]
        done = subprocess.run(tool, env=self.env(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def command(self) -> list[str]:
        """The broker's command line."""
        keys = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self._key_set}"
        java = self._java("-Xmx256m", "-XX:+UseSerialGC", *java_options(), keys)
        return [*java, "kafka.Kafka", str(self._properties)]

    def env(self) -> dict[str, str]:
        """The environment with the wheel's Java."""
        return java_environment()

    async def answers(self) -> bool:
        """Whether the broker lists its topics to its administrator."""
        if not all(map(listens, self._ports.values())):
            return False
        settings = Settings(_env_file=None, **self.by_certificate(self._certificate))
        try:
            async with clients.opened(clients.admin(settings.kafka_options(), request_timeout_ms=2_000)) as admin:
                await admin.list_topics()
        except (TimeoutError, KafkaError, OSError):
            return False
        return True

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    @property
    def _log4j(self) -> Path:
        return self.directory / "log4j2.properties"

    @property
    def _audit(self) -> Path:
        return self.directory / "authorizer.log"

    @property
    def _key_set(self) -> str:
        return (self.directory / "keys.json").as_uri()

    def _java(self, *options: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self._log4j}"
        return [java_command(), *_QUIET, *options, logging, "-cp", ":".join(map(str, self._jars))]

    def _values(self) -> dict[str, object]:
        listeners = ",".join(f"{name}://{self.address(name)}" for name in self._ports)
        advertised = ",".join(f"{name}://{self.address(name)}" for name in ("TLS", "SASL"))
        oauth = "listener.name.sasl.oauthbearer"
        one_copy = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{self.address('CONTROLLER')}",
            "listeners": listeners,
            "advertised.listeners": advertised,
            "listener.security.protocol.map": "TLS:SSL,SASL:SASL_SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "TLS",
            "controller.listener.names": "CONTROLLER",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._certificate,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.authority.certificate,
            "listener.name.tls.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            f"{oauth}.sasl.jaas.config": f"{_OAUTH}.OAuthBearerLoginModule required;",
            f"{oauth}.sasl.server.callback.handler.class": f"{_OAUTH}.OAuthBearerValidatorCallbackHandler",
            f"{oauth}.sasl.oauthbearer.jwks.endpoint.url": self._key_set,
            f"{oauth}.sasl.oauthbearer.expected.audience": "kafka",
            # A connection ends with its token, at the latest then.
            f"{oauth}.connections.max.reauth.ms": 600_000,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN}",
            "log.dirs": self.directory / "logs",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "message.max.bytes": 11 << 20,
            **{f"{topic}.replication.factor": 1 for topic in one_copy},
            **{f"{topic}.num.partitions": 2 for topic in one_copy},
            **{f"{topic}.min.isr": 1 for topic in one_copy[1:]},
        }


_LOGGING: Final = """\
status = error
appender.file.type = File
appender.file.name = file
appender.file.fileName = {log}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %-5p %c{{1}}: %m%n
appender.audit.type = File
appender.audit.name = audit
appender.audit.fileName = {audit}
appender.audit.layout.type = PatternLayout
appender.audit.layout.pattern = %m%n
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
logger.audit.name = kafka.authorizer.logger
logger.audit.level = info
logger.audit.additivity = false
logger.audit.appenderRef.audit.ref = audit
"""
