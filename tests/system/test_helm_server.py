"""The Helm chart on a real API server of Kubernetes: what it makes is checked, kept, upgraded; nothing is run by it.

Resources of operators are judged by their own definitions, but for those of `tests.support.helm_definitions.UNJUDGED`.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest

from deploy.helm.written import CHART
from tests.support.blocks import run_by
from tests.support.helm import CI_VALUES, NAMESPACE, RELEASE, by_kind, need_helm, pods, rendered
from tests.support.helm_definitions import definitions
from tests.support.helm_server import ApiServer, need_server
from tests.support.processes import Processes
from tests.support.sources import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [need_helm, need_server, pytest.mark.system, pytest.mark.long]

NAMES: Final = [path.stem for path in CI_VALUES]
# What has to be turned on, and in which values it is.
OPTIONAL: Final = {"full": {"forward", "sync"}, "secured": {"sync"}}
STRICT: Final = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-")
PREFIX: Final = f"{RELEASE}-learnpack-telemetry"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server that knows the operators' resources, with a namespace in which pods have to be restricted."""
    processes = Processes(tmp_path_factory.mktemp("logs"))
    try:
        started = ApiServer(tmp_path_factory.mktemp("server"), processes)
        for file in definitions(tmp_path_factory.mktemp("definitions")):
            started.kubectl("apply", "--server-side", "--filename", str(file))
        started.kubectl("wait", "customresourcedefinitions", "--all", "--for=condition=Established", "--timeout=60s")
        restricted(started, NAMESPACE)
        yield started
    finally:
        processes.end_all()


def restricted(server: ApiServer, namespace: str) -> None:
    """Make a namespace in which the server refuses pods that are not restricted, and warns of what would make some."""
    server.kubectl("create", "namespace", namespace)
    labels = [f"pod-security.kubernetes.io/{kind}=restricted" for kind in ("enforce", "warn")]
    server.kubectl("label", "namespace", namespace, *labels)


def generations(server: ApiServer, namespace: str) -> dict[str, int]:
    """How often the specification of each object that runs pods has changed, by its name without the release's."""
    found = {**server.objects("statefulsets", namespace), **server.objects("deployments", namespace)}
    return {name.removeprefix(f"{PREFIX}-"): each["metadata"]["generation"] for name, each in found.items()}


def applied(server: ApiServer, *documents: dict[str, Any]) -> str:
    """What the server says to these, whose fields it has to know; raises AssertionError if it refuses one."""
    return server.kubectl(*STRICT, given="".join(f"---\n{orjson.dumps(each).decode()}\n" for each in documents))


@pytest.mark.parametrize("values", NAMES)
def test_the_server_takes_every_object(server: ApiServer, values: str) -> None:
    """Those of hooks, too, strictly, and without a warning of pods that are not restricted."""
    documents = rendered(values)
    said = applied(server, *documents)

    assert said.count("serverside-applied") == len(documents)


def test_the_server_refuses_what_no_kind_has(server: ApiServer) -> None:
    """A name too many, or a word for a number: in Kubernetes' own kinds and in those of operators."""
    full, operators = rendered("full"), rendered("operators")
    judged = {
        "StatefulSet": by_kind(full, "StatefulSet")[f"{PREFIX}-gateway"],
        "HTTPRoute": by_kind(full, "HTTPRoute")[f"{PREFIX}-gateway"],
        "ScaledObject": by_kind(full, "ScaledObject")[f"{PREFIX}-worker"],
        "PodMonitor": by_kind(full, "PodMonitor")[PREFIX],
        "PrometheusRule": by_kind(full, "PrometheusRule")[PREFIX],
        "Kafka": by_kind(operators, "Kafka")[PREFIX],
        "KafkaNodePool": by_kind(operators, "KafkaNodePool")[f"{PREFIX}-broker"],
        "KafkaUser": by_kind(operators, "KafkaUser")[f"{PREFIX}-worker"],
        "KafkaTopic": by_kind(operators, "KafkaTopic")["learnpack.webhooks.raw"],
    }
    for document in judged.values():
        changed = copy.deepcopy(document)
        changed["spec"]["unheardOf"] = 1
        with pytest.raises(AssertionError, match="unheardOf"):
            applied(server, changed)
    changed = copy.deepcopy(judged["StatefulSet"])
    changed["spec"]["replicas"] = "one"
    with pytest.raises(AssertionError, match="replicas"):
        applied(server, changed)


@pytest.mark.parametrize("values", NAMES)
def test_pods_are_admitted_where_they_must_be_restricted(server: ApiServer, values: str) -> None:
    """Each template as a pod; the same one as root is refused."""
    for name, template in pods(rendered(values)).items():
        pod = {"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(template)}
        pod["metadata"] = {"name": name, "namespace": NAMESPACE}
        # As the controller of a StatefulSet adds its claim.
        held = {volume["name"] for volume in pod["spec"]["volumes"]}
        pod["spec"]["volumes"] += [] if "data" in held else [{"name": "data", "emptyDir": {}}]
        assert "serverside-applied" in applied(server, pod)

        pod["spec"]["securityContext"]["runAsNonRoot"] = False
        with pytest.raises(AssertionError, match="violates PodSecurity"):
            applied(server, pod)


@pytest.mark.parametrize("values", NAMES)
def test_a_release_is_installed_upgraded_and_taken_away(server: ApiServer, values: str) -> None:
    """With its hooks. An upgrade of one part touches that part; the spools' volumes and operators' servers stay."""
    namespace = f"release-{values}"
    restricted(server, namespace)
    chosen = ("--namespace", namespace, "--values", str(CHART / "ci" / f"{values}.yaml"))
    said = server.helm("install", RELEASE, str(CHART), *chosen)

    assert "STATUS: deployed" in said
    assert "would violate" not in said
    before = generations(server, namespace)
    assert set(before) == {"gateway", "worker", "sink", "monitor", "tools"} | OPTIONAL.get(values, set())

    server.helm("upgrade", RELEASE, str(CHART), *chosen, "--set", "sink.image.tag=0.2.0")
    after = generations(server, namespace)
    assert {name for name, number in after.items() if number != before[name]} == {"sink"}
    image = server.objects("deployments", namespace)[f"{PREFIX}-sink"]["spec"]["template"]["spec"]["containers"][0]
    assert image["image"].endswith("learnpack-telemetry:0.2.0")

    assert "Succeeded" in server.helm("test", RELEASE, "--namespace", namespace)
    server.helm("uninstall", RELEASE, "--namespace", namespace)
    assert generations(server, namespace) == {}
    if values == "operators":
        for kind in ("kafkas", "kafkanodepools", "kafkatopics", "clickhouseinstallations"):
            assert server.objects(f"{kind}", namespace), kind


def test_the_page_leads_to_a_release(server: ApiServer, tmp_path: Path) -> None:
    """The blocks of docs/kubernetes.md one after another, in a folder that has the chart."""
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    for block in run_by("tests/system/test_helm_server.py::test_the_page_leads_to_a_release"):
        server.shell(block.text, tmp_path)

    releases = orjson.loads(server.helm("list", "--namespace", "learning-platform", "--output", "json"))
    assert [(each["name"], each["status"], each["revision"]) for each in releases] == [("telemetry", "deployed", "6")]
    restarted = server.objects("deployments", "learning-platform")[f"{PREFIX}-sync"]["spec"]["template"]["metadata"]
    assert "kubectl.kubernetes.io/restartedAt" in restarted["annotations"]
    images = {
        name: each["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]
        for kind in ("deployments", "statefulsets")
        for name, each in server.objects(kind, "learning-platform").items()
    }
    assert set(images.values()) == {"0.2.0"}
