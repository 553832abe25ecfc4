"""Values that the chart refuses, and what it says of them."""

from __future__ import annotations

from typing import Final

import pytest

from tests.support.helm import RefusedError, need_helm, pods, rendered

# What is set, and what the refusal says.
WRONG: Final = {
    "kafka.bootstrapServer=kafka:9092": "bootstrapServer",
    "kafka.bootstrapServers=kafka": "does not match pattern",
    "gateway.replicas=0": "minimum",
    "gateway.replicas=two": "got string, want integer",
    "settings.TELEMETRY_DIRECTRY=strict": "settings: TELEMETRY_DIRECTRY is not a setting",
    "worker.settings.TELEMETRY_STOR=memory": "worker.settings: TELEMETRY_STOR is not a setting",
    "settings.TELEMETRY_SPOOL=/tmp": "TELEMETRY_SPOOL is what the chart sets by itself",
    "kafka.securityProtocol=SASL_SSL": "kafka.securityProtocol=SASL_SSL needs kafka.mechanism",
    "worker.replicas=25": "worker.replicas=25 is more than partitions=24",
    "worker.keda.enabled=true": "worker.keda.serverAddress is empty",
    "fullnameOverride=Tele: metry": "does not match pattern",
    "gateway.ingress.enabled=true": "gateway.ingress.hosts is empty",
    "gateway.httpRoute.enabled=true": "gateway.httpRoute.parentRefs is empty",
    "gateway.autoscaling.enabled=true,gateway.autoscaling.minReplicas=9": "minReplicas=9 is more than maxReplicas=8",
    "strimzi.enabled=true": "two Kafkas",
    "altinity.enabled=true": "two ClickHouses",
    "clickhouse.urlSecret.name=": "No ClickHouse is named",
    "extraVolumes[0].name=tmp": "extraVolumes",
    "fullnameOverride=2026a": "does not match pattern",
    "nameOverride=My_App": "does not match pattern",
    "image.repository=registry/telemetry:1.0": "does not match pattern",
    "image.tag=1.0#now": "does not match pattern",
    "image.digest=sha256:0123": "does not match pattern",
    "clickhouse.urlSecret.name=a\\, optional: true": "does not match pattern",
    "clickhouse.urlSecret.key=a: b": "does not match pattern",
    "clickhouse.cluster=a'b": "does not match pattern",
    "gateway.priorityClassName=a: b": "does not match pattern",
    "gateway.updateStrategy.type=Recreate": "value must be one of 'RollingUpdate', 'OnDelete'",
    "sink.updateStrategy.type=OnDelete": "value must be one of 'RollingUpdate', 'Recreate'",
    "kafka=null": "missing property 'kafka'",
    "kafka.users.default=null": "missing property 'default'",
    "worker.keda=null": "missing property 'keda'",
    "settings=null": "missing property 'settings'",
    "gateway.image=null": "missing property 'image'",
    "kafka.mechanism=PLAIN": "kafka.mechanism=PLAIN logs nobody in with kafka.securityProtocol=PLAINTEXT",
    "kafka.users.sink.username=sink": "kafka.users.sink logs nobody in",
    "kafka.caSecret.name=authorities": "kafka.securityProtocol=PLAINTEXT encrypts nothing",
    "kafka.bootstrapServers=kafka:19092": "networkPolicy.kafka.ports does not have the port of kafka:19092",
    "gateway.preStopSleepSeconds=60": "set 80 or more",
    "gateway.persistence.size=1024Mi": "gateway.spoolMaxBytes=1073741824 does not fit on a volume of .*=1024Mi",
    "podLabels.app\\.kubernetes\\.io/component=gateway": "app.kubernetes.io/component is what selectors go by",
    "sync.podLabels.app\\.kubernetes\\.io/name=lms": "sync.podLabels: app.kubernetes.io/name is what selectors go by",
    "sync.enabled=true": "sync.postgresSecret.name is empty",
    "sync.every=25h": "does not match pattern",
    "sync.replicas=2": "additional properties 'replicas' not allowed",
}

# What is set together.
TOGETHER: Final = {
    "gateway.autoscaling.minReplicas=9 is more than maxReplicas=8": (
        "gateway.autoscaling.enabled=true",
        "gateway.autoscaling.minReplicas=9",
    ),
    "worker.keda.minReplicas=13 is more than maxReplicas=12": (
        "worker.keda.enabled=true",
        "worker.keda.serverAddress=http://prometheus:9090",
        "worker.keda.minReplicas=13",
    ),
    "TELEMETRY_TOKEN is in secretSettings and in tools.settings": (
        "tools.settings.TELEMETRY_TOKEN=t",
        "secretSettings.TELEMETRY_TOKEN.name=token",
        "secretSettings.TELEMETRY_TOKEN.key=token",
    ),
    "No file of queries is given: set sync.queries": ("sync.enabled=true", "sync.postgresSecret.name=lms"),
    "sync.queries and sync.queriesConfigMap.name give two files": (
        "sync.queries=SELECT 1",
        "sync.queriesConfigMap.name=queries",
    ),
    "secretSettings: TELEMETRY_LMS_POSTGRES is what sync.postgresSecret gives": (
        "sync.enabled=true",
        "sync.postgresSecret.name=lms",
        "sync.queries=SELECT 1",
        "secretSettings.TELEMETRY_LMS_POSTGRES.name=lms",
        "secretSettings.TELEMETRY_LMS_POSTGRES.key=url",
    ),
    **{
        f"{part}.settings: TELEMETRY_LMS_POSTGRES is what sync.postgresSecret gives": (
            "sync.enabled=true",
            "sync.postgresSecret.name=lms",
            "sync.queries=SELECT 1",
            f"{part}.settings.TELEMETRY_LMS_POSTGRES=postgresql://lms",
        )
        for part in ("gateway", "worker", "sink", "forward", "sync", "monitor", "tools", "setup")
    },
    "TELEMETRY_FORWARD_CAFILE is in secretSettings and in forward.settings": (
        "forward.settings.TELEMETRY_FORWARD_CAFILE=/ca.pem",
        "secretSettings.TELEMETRY_FORWARD_CAFILE.name=ca",
        "secretSettings.TELEMETRY_FORWARD_CAFILE.key=ca",
    ),
    "at '/gateway/ingress/hosts/0': 'https://example.org' does not match": (
        "gateway.ingress.enabled=true",
        "gateway.ingress.hosts={https://example.org}",
    ),
}


@pytest.mark.parametrize("setting", WRONG)
@need_helm
def test_what_cannot_work_is_refused(setting: str) -> None:
    """Before anything is installed, with a line that names it."""
    with pytest.raises(RefusedError, match=WRONG[setting]):
        rendered("external", setting)


@pytest.mark.parametrize("said", TOGETHER)
@need_helm
def test_what_cannot_work_together_is_refused(said: str) -> None:
    """Each alone would be right."""
    with pytest.raises(RefusedError, match=said):
        rendered("external", *TOGETHER[said])


@pytest.mark.parametrize("release", ["2026", "2026a", "my.release"])
@need_helm
def test_a_release_has_a_name_that_services_may_have(release: str) -> None:
    """Helm takes more; another name of the objects is enough, and what is only a number stays a text in labels."""
    with pytest.raises(RefusedError, match=r"cannot be the name of a Service.* set fullnameOverride"):
        rendered("external", release=release)

    for document in rendered("external", "fullnameOverride=telemetry", release=release):
        assert document["metadata"]["labels"]["app.kubernetes.io/instance"] == release


@need_helm
def test_names_stay_texts() -> None:
    """YAML would make a number and a truth of these, which Kubernetes refuses in the middle of a release."""
    shown = rendered("external", "clickhouse.urlSecret.name=0x1f", "clickhouse.urlSecret.key=yes")
    (container,) = pods(shown)["telemetry-learnpack-telemetry-sink"]["spec"]["containers"]
    (url,) = [one for one in container["env"] if one["name"] == "TELEMETRY_CLICKHOUSE"]

    assert url["valueFrom"]["secretKeyRef"] == {"name": "0x1f", "key": "yes"}
