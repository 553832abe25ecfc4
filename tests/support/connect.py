"""Kafka Connect with Debezium, as deploy/examples/lms sets it up: a worker to be killed and started again."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from deploy.local.kafka import artifacts
from deploy.local.kafka.java import java_command, java_environment
from deploy.local.resources import LOOPBACK, free_port
from tests.support.lms_directory import EXAMPLES
from tests.support.postgres import PASSWORD, USER
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from schemas.settings import Settings
    from tests.support.postgres import Database
    from tests.support.processes import Child, Processes

__all__ = ["Connect"]

_LOCK: Final = Path(__file__).with_suffix(".lock")
_LOGGING: Final = """rootLogger.level=info
rootLogger.appenderRef.c.ref=C
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d{HH:mm:ss} %p %c{1} %m%n
"""
_START_SECONDS: Final = 180
_CONNECTOR: Final = "learnpack-telemetry-directory"
_PREFIX: Final = "learnpack.directory."


@dataclass
class Connect:
    """A worker with the example's connector, from a database to the directory of these settings.

    The database's user has the password of all of them (`tests.support.postgres`).
    """

    settings: Settings
    database: Database
    processes: Processes
    directory: Path
    user: str = USER

    def start(self, max_request_size: int | None = None) -> Child:
        """Start it, anew where it was, and wait until the connector's task runs."""
        port = free_port()
        connector = self.directory / "connector.properties"
        # Each test has topics with a prefix of its own, which is a setting of the product as well.
        text = (EXAMPLES / connector.name).read_text("utf-8")
        text = text.replace(_PREFIX, f"{self.settings.topic_prefix}directory.")
        # The later of two lines counts.
        text += "" if max_request_size is None else f"producer.override.max.request.size={max_request_size}\n"
        connector.write_text(text, "utf-8")
        environment = {
            **java_environment(),
            "KAFKA": self.settings.kafka,
            "CONNECT_OFFSETS": str(self.directory / "offsets"),
            "CONNECT_PORT": str(port),
            "LMS_HOST": LOOPBACK,
            "LMS_PORT": str(self.database.port),
            "LMS_USER": self.user,
            "LMS_PASSWORD": PASSWORD,
            "LMS_DATABASE": self.database.name,
        }
        logging = self.directory / "log4j2.properties"
        logging.write_text(_LOGGING, "utf-8")
        # The broker's own binding: without one nobody hears why a connector fails.
        of_broker = [jar for jar in artifacts.fetch() if "log4j" in jar.name]
        jars = [*artifacts.fetch(lock=_LOCK), *of_broker]
        main = "org.apache.kafka.connect.cli.ConnectStandalone"
        options = [f"-Dlog4j2.configurationFile={logging}", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        child = self.processes.start(
            [
                java_command(),
                *options,
                "-cp",
                ":".join(map(str, jars)),
                main,
                str(EXAMPLES / "worker.properties"),
                str(connector),
            ],
            environment,
        )
        eventually(lambda: self._runs(port) or child.process.poll() is not None, _START_SECONDS, "the connector")
        assert child.process.poll() is None, child.output[-3000:]
        return child

    def _runs(self, port: int) -> bool:
        address = f"http://{LOOPBACK}:{port}/connectors/{_CONNECTOR}/status"
        with urllib.request.urlopen(address, timeout=5) as answer:
            status = orjson.loads(answer.read())
        failed = [task for task in status["tasks"] if task["state"] == "FAILED"]
        assert not failed, failed[0]["trace"][:2000]
        return [task["state"] for task in status["tasks"]] == ["RUNNING"]
