"""Fixtures of all tests.

System, contract and chaos tests get real servers from `stack`, started once per run when the first test asks for them:
containers where a Docker engine answers, else Kafka and ClickHouse of deploy/local. To spare the start, keep a stack
running and name its file of addresses (pytest then starts and stops nothing):

    uv run python -m tests.support.stack /tmp/stack &
    LEARNPACK_TEST_STACK=/tmp/stack/env uv run pytest tests/system

LEARNPACK_TEST_STACK=local takes the local servers even where Docker answers.

A run of `tests` or a directory in it is shared between several processes (tests.support.sharing), which share the
servers; a run of less takes place in one, as does every run with `-n 0`.

Each test has topics under a prefix of its own and a database of its own, both dropped at its end. Tests that kill or
freeze a server take one of their own from `kafka_nodes` or `clickhouse_servers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import clickhouse_connect
import pytest
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import KafkaNode
from schemas.settings import PREFIX, Settings
from tests.support.bytecode import keep_bytecode
from tests.support.java_cache import java_options
from tests.support.postgres import PostgresServer
from tests.support.processes import Processes
from tests.support.run_stack import RunStack
from tests.support.sharing import Sharing, number_of_processes, order
from tests.support.sources import without_collection

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from clickhouse_connect.driver.client import Client
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

    from tests.support.postgres import Database
    from tests.support.stack import Stack

# No test may fail because the machine is busy.
# Nor, in CI, by the luck of the draw: other examples are tried at each developer's and by `.ci/long`.
hypothesis_settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
hypothesis_settings.load_profile("untimed")

# The usual one draws a box around each frame and its variables, in a second each.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


_RUN_STACK = pytest.StashKey[RunStack]()
_DIRECTORY = "run_stack"
_NAME_CHARACTERS = 60


def pytest_configure(config: pytest.Config) -> None:
    """Know where the run's servers are, or will be."""
    keep_bytecode(config)
    # What a shell starts in the background ignores Ctrl-C, and so would the processes that tests send it to.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    given = getattr(config, "workerinput", None)
    config.stash[_RUN_STACK] = RunStack(Path(given[_DIRECTORY])) if given else RunStack.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run's servers with the process that the run began with."""
    config.stash[_RUN_STACK].end()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a process that shares the run where its servers are."""
    node.workerinput[_DIRECTORY] = str(node.config.stash[_RUN_STACK].directory)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes share the run."""
    return number_of_processes(config.args)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    """Who runs which test."""
    return Sharing(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where all that tests want can be had, in CI, a test that is left out has failed.

    The report of a failure shows lines of sources, which pytest parses; a collection in the middle would end the run.
    """
    with without_collection():
        report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"left out under CI: {report.longrepr[2] if isinstance(report.longrepr, tuple) else ''}"
    return report


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test by the argument where its value tells nothing; compressed, it is another one in each process too."""
    packed = len(val) > _NAME_CHARACTERS or not val.isascii() if isinstance(val, bytes | str) else False
    return argname if packed else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the forms that take minutes, unless `-m` names them; the long modules come first."""
    order(items)
    if "long" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker("long")]


class SettingsFactory(Protocol):
    """Builds settings for this test's servers, topics and database."""

    def __call__(self, **overrides: Any) -> Settings:
        """Build settings; `overrides` take the place of the test's own."""
        ...


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Stack:
    """Real Kafka and ClickHouse for the whole run."""
    return pytestconfig.stash[_RUN_STACK].addresses()


@pytest.fixture
def topic_prefix(stack: Stack) -> Iterator[str]:
    """A prefix of topic names and consumer groups that no other test has; its topics are deleted afterwards."""
    prefix = f"t{uuid.uuid4().hex[:10]}."
    yield prefix
    # In a thread: pytest-asyncio's loop belongs to this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _delete_topics(stack.kafka, prefix)).result()


async def _delete_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


@pytest.fixture
def clickhouse(stack: Stack) -> Iterator[Client]:
    """A client of ClickHouse in the default database."""
    client = clickhouse_connect.get_client(dsn=stack.clickhouse, autogenerate_session_id=False)
    with contextlib.closing(client):
        yield client


@pytest.fixture
def database(clickhouse: Client) -> Iterator[str]:
    """A name for a database that no other test has (not created); it and its generations are dropped afterwards."""
    name = f"t{uuid.uuid4().hex[:10]}"
    yield name
    found = clickhouse.query(
        "SELECT name FROM system.databases WHERE name = {name:String} OR startsWith(name, {name:String} || '_')",
        parameters={"name": name},
    )
    for (existing,) in found.result_rows:
        clickhouse.command(f"DROP DATABASE IF EXISTS `{existing}` SYNC")


@pytest.fixture
def settings(
    stack: Stack, topic_prefix: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SettingsFactory:
    """Settings for this test; keyword arguments override them. The environment has no say."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)

    def build(**overrides: Any) -> Settings:
        own: dict[str, Any] = {
            "kafka": stack.kafka,
            "clickhouse": stack.clickhouse,
            "database": database,
            "topic_prefix": topic_prefix,
            "data": tmp_path / "data",
            "spool": tmp_path / "spool",
        }
        return Settings(_env_file=None, **(own | overrides))

    return build


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts child processes; all of them are ended when the test ends."""
    directory = tmp_path / "processes"
    directory.mkdir()
    started = Processes(directory)
    try:
        yield started
    finally:
        started.end_all()


@pytest.fixture(scope="session")
def local_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """The server of deploy/local for the tests of itself, even where `stack` runs in containers."""
    with ClickHouseServer(tmp_path_factory.mktemp("clickhouse"), user="telemetry", password="p@ss/word") as server:
        yield server


@pytest.fixture
def kafka_nodes(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Callable[[], KafkaNode]]:
    """Starts Kafka nodes of this test's own, to be killed and restarted at will; all are ended with the test."""
    with contextlib.ExitStack() as running:

        def start() -> KafkaNode:
            directory = tmp_path / f"kafka-{uuid.uuid4().hex[:6]}"
            shutil.copytree(pytestconfig.stash[_RUN_STACK].formatted_kafka(), directory / "logs")
            node = KafkaNode(directory, java_options=java_options())
            running.callback(node.kill)
            return node.start()

        yield start


@pytest.fixture
def clickhouse_servers(tmp_path: Path) -> Iterator[Callable[[], ClickHouseServer]]:
    """Starts ClickHouse servers of this test's own, to be killed and restarted at will; all are ended with the test."""
    with contextlib.ExitStack() as running:

        def start() -> ClickHouseServer:
            directory = tmp_path / f"clickhouse-{uuid.uuid4().hex[:6]}"
            server = ClickHouseServer(directory, user="telemetry", password="p@ss/word")
            running.callback(server.kill)
            return server.start()

        yield start


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this process's, whose log Debezium can read; not to be killed."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[Database]:
    """An empty database that no other test has."""
    with postgres.database() as database:
        yield database
