"""What the Helm chart shares with the rest: alerts, dashboards, settings, topics, routes, rights."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
import yaml  # type: ignore[import-untyped]

from deploy.metrics_page import every_part
from gateway.ingest.capture import CAPTURE_PATHS
from gateway.ingest.routes import INGEST_PATHS
from operations.acls import Part, acls_of
from schemas.settings import Settings
from schemas.wire.topics import Topics
from tests.support.helm import NAMESPACE, RefusedError, by_kind, need_helm, pods, rendered
from tests.support.metrics import misread, need_prometheus
from tests.support.sources import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MONITORING: Final = ROOT / "deploy" / "monitoring"


@need_helm
def test_nothing_is_installed_by_the_defaults_alone() -> None:
    """Nobody but the operator knows where Kafka is; the line says how to tell."""
    with pytest.raises(RefusedError, match=r"No Kafka is named: set kafka\.bootstrapServers"):
        rendered("")


@need_helm
def test_kafkas_users_have_passwords() -> None:
    """A user without a Secret, and a part without a user, are named."""
    secured = ("kafka.securityProtocol=SASL_SSL", "kafka.mechanism=PLAIN")
    with pytest.raises(RefusedError, match=r"kafka\.users\.gateway\.username"):
        rendered("external", *secured)
    with pytest.raises(RefusedError, match=r"kafka\.users\.default\.secret is empty"):
        rendered("external", *secured, "kafka.users.default.username=telemetry")
    assert rendered("external", *secured, "kafka.users.default.username=telemetry", "kafka.users.default.secret=kafka")


@need_helm
def test_files_that_settings_name_are_in_every_pod() -> None:
    """A token needs no user of the chart's and comes from a volume, as do certificates; a mount of none is named."""
    token = "/var/run/secrets/kafka/token"
    mount = ("extraVolumeMounts[0].name=token", "extraVolumeMounts[0].mountPath=/var/run/secrets/kafka")
    by_token = ("kafka.securityProtocol=SASL_SSL", "kafka.mechanism=OAUTHBEARER", *mount)
    with pytest.raises(RefusedError, match="no volume of extraVolumes has the name token"):
        rendered("external", *by_token)

    volume = ("extraVolumes[0].name=token", "extraVolumes[0].secret.secretName=kafka-token")
    made = rendered("external", *by_token, *volume, f"settings.TELEMETRY_KAFKA_SECURITY_TOKENFILE={token}")
    for name, pod in pods(made).items():
        (container,) = pod["spec"]["containers"]
        told = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert told["TELEMETRY_KAFKA_SECURITY_TOKENFILE"] == token, name
        assert told["TELEMETRY_KAFKA_SECURITY_MECHANISM"] == "OAUTHBEARER"
        assert not {"TELEMETRY_KAFKA_SECURITY_USERNAME", "TELEMETRY_KAFKA_SECURITY_PASSWORD"} & set(told)
        assert "/var/run/secrets/kafka" in {each["mountPath"] for each in container["volumeMounts"]}
        assert {"name": "token", "secret": {"secretName": "kafka-token"}} in pod["spec"]["volumes"]


@need_helm
def test_alerts_are_those_of_the_project() -> None:
    """Word for word: there is one file."""
    (rule,) = by_kind(rendered("full"), "PrometheusRule").values()

    assert rule["spec"] == yaml.safe_load((MONITORING / "prometheus" / "telemetry.rules.yaml").read_text("utf-8"))


@need_helm
@need_prometheus
def test_workers_are_counted_by_figures_that_there_are(tmp_path: Path) -> None:
    """What KEDA asks Prometheus is an expression, of the monitor's figures and their labels, for this namespace."""
    (scaled,) = by_kind(rendered("full"), "ScaledObject").values()
    (trigger,) = scaled["spec"]["triggers"]
    query = trigger["metadata"]["query"]
    known = {figure.name: set(figure.labels) for part in every_part() for figure in part.declared}

    assert misread([query], tmp_path) == ""
    asked = re.findall(r"(telemetry_\w+)\{([^}]*)\}", query)
    assert {name for name, _ in asked} == {"telemetry_monitor_lag_records", "telemetry_monitor_group_live"}
    for name, labels in asked:
        assert f'namespace="{NAMESPACE}"' in labels
        assert set(re.findall(r"(\w+)=", labels)) - {"job", "namespace"} <= known[name]
    # The group of workers, as the code names it, and none of sinks.
    (pattern,) = re.findall(r'group=~"([^"]*)"', query)
    groups = Topics(generation=12)
    assert re.fullmatch(pattern.replace(r"\\", "\\"), groups.application)
    assert not re.fullmatch(pattern.replace(r"\\", "\\"), groups.sinks)


@need_helm
def test_dashboards_are_those_of_the_project() -> None:
    """Each in a ConfigMap that Grafana's sidecar looks for."""
    shown = {}
    for board in by_kind(rendered("full"), "ConfigMap").values():
        if board["metadata"]["labels"].get("grafana_dashboard") == "1":
            shown.update({name: orjson.loads(text) for name, text in board["data"].items()})
    files = (MONITORING / "grafana" / "dashboards").iterdir()

    assert shown == {path.name: orjson.loads(path.read_bytes()) for path in files}


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ((), {"partitions": 24, "replication": 3}),
        (
            (
                "partitions=7",
                "replication=2",
                "settings.TELEMETRY_MAX_BODY_BYTES=1000000",
                "settings.TELEMETRY_RAW_RETENTION_DAYS=90",
                "settings.TELEMETRY_TOPIC_PREFIX=school.",
            ),
            {
                "partitions": 7,
                "replication": 2,
                "max_body_bytes": 1_000_000,
                "raw_retention_days": 90,
                "topic_prefix": "school.",
            },
        ),
    ],
    ids=["by default", "with settings"],
)
@need_helm
def test_topics_are_what_setup_makes(given: tuple[str, ...], settings: dict[str, Any]) -> None:
    """Strimzi's operator and `setup` never undo what the other one did."""
    current = Settings(_env_file=None, **settings)
    shown = {
        name: (topic["spec"]["partitions"], topic["spec"]["replicas"], topic["spec"]["config"])
        for name, topic in by_kind(rendered("operators", *given), "KafkaTopic").items()
    }

    specs = Topics.of(current).specs(current)
    assert shown == {spec.name: (spec.partitions, spec.replication, spec.config) for spec in specs}


@need_helm
def test_what_pods_write_belongs_to_the_image_s_user() -> None:
    """Volumes are handed to the group of whom the image runs as."""
    user = re.findall(
        r"^USER (\d+):(\d+)$", (ROOT / "deploy" / "image" / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    given = pods(rendered("external"))["telemetry-learnpack-telemetry-gateway"]["spec"]["securityContext"]

    assert user == [(str(given["runAsUser"]), str(given["fsGroup"]))]


@need_helm
def test_replicas_of_clickhouse_are_asked_by_their_names() -> None:
    """In the same order by all parts, so that none reads behind a writer."""
    told = {
        variable["value"]
        for pod in pods(rendered("operators", "altinity.replicas=3")).values()
        for variable in pod["spec"]["containers"][0]["env"]
        if variable["name"] == "TELEMETRY_CLICKHOUSE"
    }

    hosts = ",".join(f"chi-telemetry-learnpack-telemetry-telemetry-0-{number}.{NAMESPACE}:8123" for number in range(3))
    assert told == {f"http://telemetry:$(CLICKHOUSE_PASSWORD)@{hosts}"}


@need_helm
def test_users_have_the_rights_of_their_parts() -> None:
    """Strimzi gives each user what `acls` prints for it, under the names of the settings, and no more."""
    options = ("settings.TELEMETRY_TOPIC_PREFIX=school.", "settings.TELEMETRY_RAW_TOPIC=webhooks.raw.16")
    current = Settings(_env_file=None, topic_prefix="school.", raw_topic="webhooks.raw.16")
    users = by_kind(rendered("operators", *options), "KafkaUser")
    for part in Part:
        if part is not Part.LMS:
            given = users.pop(f"telemetry-learnpack-telemetry-{part}")["spec"]["authorization"]
            assert given["type"] == "simple"
            assert [
                (
                    acl["resource"]["type"].replace("transactionalId", "transactional-id"),
                    acl["resource"]["name"],
                    acl["resource"]["patternType"] == "prefix",
                    tuple(acl["operations"]),
                )
                for acl in given["acls"]
            ] == [(right.resource, right.name, right.prefixed, right.operations) for right in acls_of(part, current)]
    assert users == {}


@need_helm
def test_all_but_the_metrics_can_be_reached_from_outside() -> None:
    """By Ingress and by HTTPRoute: each route of the gateway has a path before it, `/metrics` has none."""
    documented = (ROOT / "docs" / "api.md").read_text("utf-8")
    routes = {
        *INGEST_PATHS,
        *CAPTURE_PATHS,
        "/",
        "/console/",
        "/docs",
        "/openapi.json",
        "/health/live",
        "/health/ready",
    }
    routes |= {f"/v1/{path}" for path in ("registry", "assignment", "telemetry") if f"/v1/{path}/" in documented}
    (ingress,) = by_kind(rendered("full"), "Ingress").values()
    (route,) = by_kind(rendered("full"), "HTTPRoute").values()
    offered = [
        (path["path"], path["pathType"] == "Exact")
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]
    matched = [
        (match["path"]["value"], match["path"]["type"] == "Exact")
        for rule in route["spec"]["rules"]
        for match in rule["matches"]
    ]

    def reached(path: str) -> bool:
        return any(path == known or (not exact and path.startswith(f"{known}/")) for known, exact in offered)

    assert offered == matched
    assert {path for path in routes if not reached(path)} == set()
    assert not reached("/metrics")
