"""The image, built by podman: what it is, and parts that run from it, with a root file system that is read-only."""

from __future__ import annotations

import contextlib
import json
import signal
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from deploy.local.resources import LOOPBACK, free_port
from tests.support.commands import as_environment, command
from tests.support.directory_sync import known
from tests.support.image import IMAGE, ImageParts, built, posted
from tests.support.lms_directory import QUERIES, make_tables
from tests.support.podman import Podman, need_podman
from tests.support.sources import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.postgres import Database

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(1800), need_podman]

MOST_BYTES: Final = 250_000_000
USER: Final = 10001


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Podman:
    """With the image."""
    return built(tmp_path_factory.mktemp("podman"))


@pytest.fixture
def parts(podman: Podman, installed: Settings, tmp_path: Path) -> ImageParts:
    """Parts of the image with this test's servers; where they write is the image's to say."""
    own = {"TELEMETRY_CLICKHOUSE", "TELEMETRY_DATA", "TELEMETRY_SPOOL"}
    settings = {name: value for name, value in as_environment(installed).items() if name not in own}
    return ImageParts(podman, tmp_path, settings, {"telemetry_clickhouse": installed.clickhouse.get_secret_value()})


def test_it_is_what_the_page_says(podman: Podman) -> None:
    """Small enough, nobody's who is root, labelled, with a health check and the program as its entry."""
    told = podman.inspect("image", IMAGE)
    config, labels = told["Config"], told["Config"]["Labels"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert told["Size"] <= MOST_BYTES
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["learnpack-telemetry"]
    assert labels["org.opencontainers.image.version"] == project["version"]
    assert labels["org.opencontainers.image.revision"] == "0123abc"
    assert told["Healthcheck"]["Test"] == ["CMD", "python", "-m", "deploy.run.probe"]


def test_its_list_of_contents_is_what_is_installed(podman: Podman) -> None:
    """Every distribution in it, with its version, and nothing else but what other systems need."""
    script = (
        "import importlib.metadata, json; "
        "print(json.dumps({one.name.lower().replace('_', '-').replace('.', '-'): one.version "
        "for one in importlib.metadata.distributions(path=[p for p in __import__('sys').path if '/opt/' in p])}))"
    )
    run = ("run", "--rm", "--network=none", "--entrypoint")
    installed = json.loads(podman.run(*run, "python", IMAGE, "-c", script).stdout)
    listed = json.loads(podman.run(*run, "cat", IMAGE, "/opt/learnpack-telemetry/sbom.cdx.json").stdout)
    components = {one["name"]: one["version"] for one in listed["components"]}

    assert installed.pop("learnpack-telemetry") == listed["metadata"]["component"]["version"]
    assert len(installed) > 40
    assert installed.items() <= components.items()
    # Windows and older Pythons.
    assert len(components) - len(installed) < 10
    assert {"pytest", "chdb"}.isdisjoint(components)


def test_a_webhook_goes_through_parts_of_the_image(parts: ImageParts, installed: Settings, clickhouse: Client) -> None:
    """From the gateway by the worker and the sink into ClickHouse; each is healthy, and ends in good order."""
    token = command("token", "create", "--user", 7, "--academy", 1).out.strip()
    count = f"SELECT count() FROM {installed.database}.events"
    names = ("gateway", "worker", "sink", "monitor")
    with contextlib.ExitStack() as running:
        started = {name: running.enter_context(parts.start(name)) for name in names}
        eventually(lambda: posted(installed.gateway_url, token, 7), 120, "a webhook that is taken")
        eventually(lambda: clickhouse.command(count), 120, "facts of it")
        for name, one in started.items():
            eventually(one.healthy, 60, f"a healthy {name}")
        assert {name: one.stop() for name, one in started.items()} == dict.fromkeys(names, 0)


def test_the_directory_is_kept_by_the_image(
    parts: ImageParts, installed: Settings, postgres_database: Database
) -> None:
    """It reads an LMS in PostgreSQL, by a file of queries and an address among the secrets, as a service and once."""
    make_tables(postgres_database)
    secrets = {**parts.secrets, "telemetry_lms_postgres": postgres_database.dsn}
    queries = "/etc/learnpack-telemetry/queries.sql"
    own = replace(parts, secrets=secrets, mounts={QUERIES: queries})
    with own.start("directory", "sync", "--query-file", queries, "--every", "1s") as sync:
        eventually(lambda: known(installed).user(8), 120, "a student of the LMS's")
        postgres_database.execute("DELETE FROM auth_user WHERE id = 8")
        eventually(lambda: known(installed).user(8) is None, 60, "a student who went")
        eventually(sync.healthy, 60, "a healthy sync")

        assert "users: 1 row, 0 written, 0 removed" in own.done("directory", "sync", "--query-file", queries)
        assert sync.stop() == 0


def test_a_gateway_of_two_processes_ends_them(parts: ImageParts) -> None:
    """As the first process of its container, which nobody else could wait for them in."""
    with parts.start("gateway", "--processes", "2") as gateway:
        eventually(lambda: "gateway accepts webhooks" in gateway.output, 120, "a gateway that is ready")

        eventually(gateway.healthy, 60, "a healthy gateway")
        assert gateway.stop() == 0


def test_what_waits_for_kafka_ends_when_told_to(parts: ImageParts) -> None:
    """A container that is stopped while its part starts is not killed."""
    with parts.start("worker", KAFKA=f"{LOOPBACK}:{free_port()}") as worker:
        eventually(lambda: worker.hears(signal.SIGTERM), 60, "a process that hears SIGTERM")

        assert worker.stop() == 128 + signal.SIGTERM


def test_a_secret_that_it_may_not_read_is_named(podman: Podman, tmp_path: Path) -> None:
    """With the user of the image, whom to let in."""
    (tmp_path / "telemetry_token").write_text("t")
    (tmp_path / "telemetry_token").chmod(0o600)
    mount = f"--volume={tmp_path}:/run/secrets:ro"
    tmp_path.chmod(0o755)
    done = podman.run("run", "--rm", "--network=none", mount, IMAGE, "status", check=False)

    assert done.returncode == 1
    assert "telemetry_token cannot be read: Permission denied. Let the user of this process, 10001, read it." in (
        done.stderr
    )
