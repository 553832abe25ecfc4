"""deploy/compose: what Docker Compose takes, with commands, settings, files and versions that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml  # type: ignore[import-untyped]

from deploy.local.kafka.artifacts import kafka_version
from deploy.monitoring.grafana.asked import SOURCES
from schemas.settings import PREFIX, Settings, load_settings
from tests.support.command_lines import left_over
from tests.support.commands import command
from tests.support.compose import FOLDER, OURS, PROFILES, complaint, services, system
from tests.support.containers import CLICKHOUSE_IMAGE
from tests.support.metrics import PROMTOOL, need_prometheus
from tests.support.sources import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES: Final = services()
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EVERY_SERVICE: Final = pytest.mark.parametrize("name", SERVICES)
EVERY_PART: Final = pytest.mark.parametrize("name", OURS)
# Of these users are made, so what they need is written down once more.
ROLES: Final = FOLDER / "clickhouse" / "initdb" / "2-roles.sql"


def mounts(name: str) -> Iterator[tuple[str, str]]:
    """Source and place of everything that a service mounts; the source of what has no name is empty."""
    for mount in SERVICES[name].get("volumes", []):
        source, _, rest = mount.rpartition(":") if mount.endswith(":ro") else (mount, "", "")
        source, _, place = (source or rest).rpartition(":")
        yield source, place


@pytest.mark.parametrize("profile", PROFILES)
def test_compose_takes_the_file(profile: str) -> None:
    """With each profile, by its own program."""
    assert complaint(FOLDER / "compose.yaml", *(["--profile", profile] if profile else [])) == ""


def test_compose_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    """A key that is misspelt, and a service that is waited for and is not there."""
    text = (FOLDER / "compose.yaml").read_text("utf-8")
    for right, wrong, said in (
        ("mem_limit: 512m", "memory_limit: 512m", "'memory_limit' not allowed"),
        ("      clickhouse: {cond", "      clickhose: {cond", 'undefined service "clickhose"'),
    ):
        assert right in text
        (tmp_path / "compose.yaml").write_text(text.replace(right, wrong))
        assert said in complaint(tmp_path / "compose.yaml")


@EVERY_PART
def test_a_part_runs_a_command_that_there_is(name: str) -> None:
    """With its options; every part that a cluster needs has a service of its name."""
    assert SERVICES[name]["command"] == ["--help"] or left_over(SERVICES[name]["command"]) == []
    assert {"gateway", "worker", "sink", "monitor", "setup"} <= set(OURS)


@EVERY_PART
def test_a_part_is_set_by_settings_that_there_are(name: str) -> None:
    """In its environment, and in the secrets that are named as settings."""
    part = SERVICES[name]
    given = {*part["environment"], *(secret.upper() for secret in part["secrets"])}

    assert given <= Settings.settings_names()
    assert [value for value in part["environment"].values() if "://" in value and "@" in value] == []


@EVERY_SERVICE
def test_what_a_service_needs_is_there(name: str) -> None:
    """Its volumes and secrets are declared, and the files that it mounts exist."""
    named = [source for source, _ in mounts(name) if source and not source.startswith(".")]
    files = [FOLDER / source for source, _ in mounts(name) if source.startswith(".")]

    assert set(named) <= set(system()["volumes"])
    assert [file for file in files if not file.exists()] == []
    assert set(SERVICES[name].get("secrets", [])) <= set(system()["secrets"])
    assert {config["source"] for config in SERVICES[name].get("configs", [])} <= set(system()["configs"])


def test_the_lms_is_asked_by_a_file_of_queries() -> None:
    """Where the part looks for it is what it is given: a file of the operator's, which git leaves alone."""
    part = SERVICES["sync"]
    (config,) = part["configs"]
    file = FOLDER / system()["configs"][config["source"]]["file"]

    assert part["command"][part["command"].index("--query-file") + 1] == config["target"]
    assert str(file.relative_to(ROOT)) in (ROOT / ".gitignore").read_text("utf-8").split()


@EVERY_SERVICE
def test_a_service_is_bounded_watched_and_started_again(name: str) -> None:
    """It has a limit of memory, a health check, its own or the image's, and a policy; it is open to this machine."""
    service = SERVICES[name]

    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["restart"] in ({"unless-stopped"} if name not in ("setup", "cli") else {"no"})
    assert name in OURS or service["healthcheck"]["test"][0] == "CMD"
    assert [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")] == []


@EVERY_PART
def test_a_part_may_write_into_its_volume_only(name: str) -> None:
    """Its root file system is read-only, and it has no privileges; those that write have a volume where they do."""
    part = SERVICES[name]

    assert part["read_only"] is True
    assert (part["cap_drop"], part["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    written = {"/var/lib/learnpack-telemetry"} if name in ("gateway", "worker") else set()
    assert {place for _, place in mounts(name)} == written


def test_versions_are_those_that_are_tried_here() -> None:
    """Kafka's, ClickHouse's, that of the dashboards, and this release."""
    images = {name: service["image"] for name, service in SERVICES.items()}
    (dashboards,) = PROJECT["dependency-groups"]["dashboards"]

    assert images["kafka"] == f"apache/kafka:{kafka_version()}"
    assert images["clickhouse"] == CLICKHOUSE_IMAGE
    assert images["grafana"] == f"grafana/grafana:{dashboards.rpartition('!')[2]}"
    assert {images[name] for name in OURS} == {f"learnpack-telemetry:{PROJECT['project']['version']}"}
    assert [image for image in images.values() if image.rpartition(":")[2] in ("latest", "")] == []


@need_prometheus
def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    """With the rules in the place where the service mounts them."""
    for source, place in mounts("prometheus"):
        if source.startswith("."):
            shutil.copy(FOLDER / source, tmp_path / Path(place).name)
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, "check", "config", "prometheus.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


def test_prometheus_asks_every_part() -> None:
    """At the port where it tells: gateways at their own, the others where the image says."""
    (job,) = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yaml").read_text("utf-8"))["scrape_configs"]
    targets = [target for one in job["static_configs"] for target in one["targets"]]
    targets += [f"{name}:{one['port']}" for one in job["dns_sd_configs"] for name in one["names"]]

    assert job["job_name"] == "telemetry"
    parts = [f"{name}:9464" for name in OURS if name not in ("gateway", "setup", "cli")]
    assert sorted(targets) == sorted(["gateway:8000", *parts])
    # Whoever may not be there is not missed.
    named = {target.partition(":")[0] for one in job["static_configs"] for target in one["targets"]}
    assert [name for name in named if "profiles" in SERVICES[name]] == []


def test_grafana_finds_sources_and_dashboards() -> None:
    """Where its provisioning looks, with every variable that it takes from its environment, and no password in it."""
    places = {place: FOLDER / source for source, place in mounts("grafana") if source.startswith(".")}
    (folders,) = places["/etc/grafana/provisioning/dashboards"].iterdir()
    (sources,) = places["/etc/grafana/provisioning/datasources"].iterdir()
    (provider,) = yaml.safe_load(folders.read_text("utf-8"))["providers"]
    told = yaml.safe_load(sources.read_text("utf-8"))["datasources"]
    environment = SERVICES["grafana"]["environment"]

    assert {path.stem for path in places[provider["options"]["path"]].glob("*.json")} >= {"service", "pipeline"}
    assert {source["type"] for source in told} == set(SOURCES.values())
    assert set(re.findall(r"\$\{(\w+)\}", sources.read_text("utf-8"))) <= set(environment)
    hosts = [source["jsonData"].get("host") or source["url"] for source in told]
    assert [host for host in hosts if host not in SERVICES and host != "http://prometheus:9090"] == []
    # Two dollars are one for Compose.
    assert environment["CLICKHOUSE_ANALYST_PASSWORD"] == "$$__file{/run/secrets/analyst_password}"


def test_roles_are_those_that_the_code_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What ClickHouse's users get at each start is what `setup --roles` prints today."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", "http://telemetry:x@clickhouse:8123")

    assert ROLES.read_text("utf-8") == command("setup", "--roles").out, (
        "run TELEMETRY_CLICKHOUSE=http://telemetry@clickhouse:8123 uv run learnpack-telemetry setup --roles "
        f"> {ROLES.relative_to(ROOT)}"
    )


def test_secrets_are_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All but the address of the LMS, in a folder for its owner; the parts read theirs, and a second run leaves all."""
    folder = tmp_path / "compose"
    folder.mkdir()
    shutil.copy(FOLDER / "make-secrets", folder)
    subprocess.run([folder / "make-secrets"], check=True, capture_output=True)
    before = {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
    second = subprocess.run([folder / "make-secrets"], check=True, capture_output=True, text=True)

    theirs = {"./secrets/telemetry_lms_postgres"}
    assert {f"./secrets/{name}" for name in before} == {one["file"] for one in system()["secrets"].values()} - theirs
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    assert second.stdout == ""
    assert {path.name: path.read_text() for path in (folder / "secrets").iterdir()} == before
    assert len(set(before.values())) == len(before)
    for name in [name for name in Settings.settings_names() if name != f"{PREFIX}SECRETS"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{PREFIX}SECRETS", str(folder / "secrets"))
    monkeypatch.chdir(tmp_path)
    assert load_settings().clickhouse.get_secret_value() == before["telemetry_clickhouse"]


def test_the_script_of_users_asks_for_secrets_that_the_service_has() -> None:
    """And takes what `make-secrets` makes."""
    script = FOLDER / "clickhouse" / "initdb" / "1-users.sh"
    text = script.read_text("utf-8")
    asked = set(re.findall(r"/run/secrets/(\w+)", text))

    assert asked == set(SERVICES["clickhouse"]["secrets"])
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
