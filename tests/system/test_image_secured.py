"""Parts of the image against three brokers that want a password over TLS, and a ClickHouse that speaks TLS."""

from __future__ import annotations

import contextlib
import ssl
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.resources import LOOPBACK, free_port
from tests.support.certificates import Authority
from tests.support.image import ImageParts, built, posted
from tests.support.podman import need_podman
from tests.support.secured_brokers import SecuredCluster
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(1800), need_podman]

STUDENTS: Final = (7, 8)
TRUSTED: Final = "/run/authorities"


@pytest.fixture
def cluster(tmp_path: Path, authority: Authority) -> Iterator[SecuredCluster]:
    """Kafka."""
    with SecuredCluster(tmp_path / "kafka", authority) as running:
        assert isinstance(running, SecuredCluster)
        yield running


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom everybody trusts, and no machine knows."""
    return Authority(tmp_path / "authority")


@pytest.fixture
def clickhouse(tmp_path: Path, authority: Authority) -> Iterator[ClickHouseServer]:
    """ClickHouse."""
    tls = authority.server(LOOPBACK)
    with ClickHouseServer(tmp_path / "clickhouse", user="telemetry", password="p@ss/word", tls=tls) as server:
        yield server


def told(server: ClickHouseServer, authority: Authority, sql: str) -> int:
    """The number that ClickHouse answers to whoever trusts the authority; 0 where it cannot answer yet."""
    url = urlsplit(server.url)
    context = ssl.create_default_context(cafile=str(authority.cafile))
    answer = httpx.post(
        f"https://{url.hostname}:{url.port}/", content=sql, auth=(server.user, server.password), verify=context
    )
    return int(answer.text) if answer.status_code == 200 else 0


def test_a_webhook_goes_over_encrypted_ways_alone(
    tmp_path: Path, cluster: SecuredCluster, clickhouse: ClickHouseServer, authority: Authority
) -> None:
    """Topics have three copies, a broker may die meanwhile, and each part ends in good order."""
    gateway = f"{LOOPBACK}:{free_port()}"
    kafka = {f"telemetry_{name}": value for name, value in cluster.settings().items()}
    secret = kafka.pop("telemetry_kafka_security_password")
    certificate = f"{TRUSTED}/{authority.cafile.name}"
    settings = {name.upper(): str(value) for name, value in kafka.items()}
    settings |= {
        "TELEMETRY_KAFKA_SECURITY_CAFILE": certificate,
        "TELEMETRY_CLICKHOUSE_CAFILE": certificate,
        "TELEMETRY_REPLICATION": "3",
        "TELEMETRY_PARTITIONS": "2",
        "TELEMETRY_GATEWAY_BIND": gateway,
        "TELEMETRY_GATEWAY_URL": f"http://{gateway}",
    }
    secrets = {"telemetry_clickhouse": clickhouse.url, "telemetry_kafka_security_password": secret}
    podman = built(tmp_path)
    parts = ImageParts(podman, tmp_path, settings, secrets, {authority.cafile.parent: TRUSTED})
    assert "changes" in parts.done("setup")
    token = parts.done("token", "create", "--ingest", "--academy", "1").split()[0]
    names = ("gateway", "worker", "sink")
    with contextlib.ExitStack() as running:
        started = {name: running.enter_context(parts.start(name)) for name in names}
        for student in STUDENTS:
            count = f"SELECT count() FROM telemetry.events WHERE user_id = {student}"
            eventually(partial(posted, f"http://{gateway}", token, student), 180, "a webhook that is taken")
            eventually(partial(told, clickhouse, authority, count), 180, "facts of it")
            cluster.nodes[0].kill()

        read_only = [podman.inspect("container", one.name)["HostConfig"]["ReadonlyRootfs"] for one in started.values()]
        assert read_only == [True, True, True]
        assert {name: one.stop() for name, one in started.items()} == dict.fromkeys(names, 0)
