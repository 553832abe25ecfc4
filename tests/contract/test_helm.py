"""The Helm chart: Kubernetes takes what it makes of five sets of values, and the product what it is told in there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tomllib
from typing import Any, Final

import pytest

from deploy.helm.written import CHART
from schemas.settings import PREFIX, load_settings
from tests.support.command_lines import PROGRAM, left_over
from tests.support.helm import CI_VALUES, HELM, NAMESPACE, RELEASE, by_kind, need_helm, pods, rendered
from tests.support.helm_schemas import misfits
from tests.support.sources import ROOT
from tests.support.webhook_receiver import SECRET as SIGNING

pytestmark = need_helm

NAMES: Final = [path.stem for path in CI_VALUES]
# Of those that not any text is.
SECRETS: Final = {
    "TELEMETRY_CLICKHOUSE": "https://user:secret@host:8443",
    "TELEMETRY_FORWARD_URL": "https://lms.example.org/hooks",
    "TELEMETRY_FORWARD_SECRET": SIGNING,
    "TELEMETRY_LMS_POSTGRES": "postgresql://user:secret@host:5432/lms",
}
EVERY_SET: Final = pytest.mark.parametrize("values", NAMES)


def selected(labels: dict[str, str], selector: dict[str, Any]) -> bool:
    """Whether a selector, by labels and lists of values, means what has these labels."""
    known = all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
    return known and all(
        labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", [])
        if each["operator"] == "In"
    )


@EVERY_SET
def test_helm_finds_nothing_to_mend(values: str) -> None:
    """Nor to warn of."""
    command = [HELM, "lint", "--strict", str(CHART), "--values", str(CHART / "ci" / f"{values}.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout + done.stderr


@EVERY_SET
def test_kubernetes_knows_every_field(values: str) -> None:
    """By its own schemas, in which no name is left over."""
    assert misfits(rendered(values)) == []


@EVERY_SET
def test_the_product_takes_what_pods_are_told(values: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every container runs a command of ours, and its environment is one of settings that stand together."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for pod in pods(rendered(values)).values():
        (container,) = pod["spec"]["containers"]
        program, *words = container["command"]
        assert program == "sleep" or (program == PROGRAM and left_over(words) == []), shlex.join(words)
        secrets: dict[str, str] = {}
        with monkeypatch.context() as environment:
            for variable in container["env"]:
                value = variable.get("value", SECRETS.get(variable["name"], "secret"))
                for name, known in secrets.items():
                    value = value.replace(f"$({name})", known)
                assert "$(" not in value
                secrets[variable["name"]] = value
                environment.setenv(variable["name"], value)
            settings = load_settings(_env_file=None)
        assert settings.kafka.count(":") == settings.kafka.count(",") + 1
        assert str(settings.spool).startswith("/var/lib/learnpack-telemetry")


@EVERY_SET
def test_names_are_told_once(values: str) -> None:
    """No two variables of a container, and no two objects of a kind, have the same name; nothing is too long."""
    documents = rendered(values)
    for pod in pods(documents).values():
        names = [variable["name"] for variable in pod["spec"]["containers"][0]["env"]]
        assert len(names) == len(set(names))
    objects = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(objects) == len(set(objects))

    longest = rendered(values, release="a-release-of-a-name-that-is-as-long-as-helm-takes-it")
    # A pod's name goes on with ordinals and hashes.
    assert [name for _, name in objects if len(name) > 63] == []
    assert [document["metadata"]["name"] for document in longest if len(document["metadata"]["name"]) > 63] == []


@EVERY_SET
def test_pods_are_restricted(values: str) -> None:
    """Not root, nothing to gain, nothing to write to but volumes, no word to Kubernetes: also the pods of hooks."""
    for pod in pods(rendered(values)).values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert container["resources"]["limits"]["memory"]
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            held = {volume["name"] for volume in spec["volumes"]}
            assert mounted - held <= {"data"}, "a claim of the StatefulSet"


@EVERY_SET
def test_probes_and_policies_name_ports_that_are_there(values: str) -> None:
    """Probes are of a port of the same container; what reaches it is asked by the paths that it serves."""
    for name, pod in pods(rendered(values)).items():
        (container,) = pod["spec"]["containers"]
        ports = {port["name"] for port in container.get("ports", [])}
        probes = [container[kind]["httpGet"] for kind in container if kind.endswith("Probe")]
        assert {probe["port"] for probe in probes} == ports, name
        known = {"http": {"/health/live"}, "metrics": {"/live", "/ready"}}
        assert all(probe["path"] in known[probe["port"]] for probe in probes)


@EVERY_SET
def test_selectors_mean_the_pods_that_they_are_for(values: str) -> None:
    """Services, budgets, monitors and policies: each selects somebody, and what has a name of a part only that part."""
    documents = rendered(values)
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(documents).items()}
    seen = 0
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] == "Service":
            selector = {"matchLabels": spec["selector"]}
        elif document["kind"] in {"PodDisruptionBudget", "PodMonitor"}:
            selector = spec["selector"]
        elif document["kind"] == "NetworkPolicy":
            selector = spec["podSelector"]
        else:
            continue
        seen += 1
        meant = {found["app.kubernetes.io/component"] for found in labels.values() if selected(found, selector)}
        part = document["metadata"]["labels"].get("app.kubernetes.io/component", "").removesuffix("-pods")
        assert meant, document["metadata"]["name"]
        if part in {"gateway", "worker", "sink", "forward", "sync"}:
            # An import asks the LMS, too.
            also = {"tools"} if (document["kind"], part) == ("NetworkPolicy", "sync") else set()
            assert meant == {part} | also
    assert seen >= 3


@EVERY_SET
def test_whoever_tells_prometheus_is_asked(values: str) -> None:
    """Each pod that has a port for it is among those of the PodMonitor, and may be reached."""
    documents = rendered(values)
    telling = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in pods(documents).values()
        for port in pod["spec"]["containers"][0].get("ports", [])
        if port["name"] == "metrics"
    }
    selectors = [one["spec"]["selector"] for one in by_kind(documents, "PodMonitor").values()]
    policies = by_kind(documents, "NetworkPolicy")
    selectors += [one["spec"]["podSelector"] for name, one in policies.items() if name.endswith("-metrics")]

    for selector in selectors:
        (listed,) = [set(one["values"]) for one in selector["matchExpressions"]]
        assert telling <= listed
    assert selectors or values == "single"


def test_nothing_changes_by_itself() -> None:
    """Rendered twice it is the same, and an upgrade has what an installation has: no pod is replaced for nothing."""
    assert rendered("full") == rendered.__wrapped__("full")
    assert rendered("full", upgrade=True) == rendered("full")


def test_a_part_has_a_release_of_its_own() -> None:
    """For an upgrade in the order of docs/operations.md, "Upgrade"."""
    images = {
        name.removeprefix(f"{RELEASE}-learnpack-telemetry-"): pod["spec"]["containers"][0]["image"]
        for name, pod in pods(rendered("external", "sink.image.tag=0.2.0")).items()
    }

    assert images.pop("sink") == "learnpack-telemetry:0.2.0"
    assert set(images.values()) == {"learnpack-telemetry:0.1.0"}


def test_the_chart_is_of_this_release() -> None:
    """Its version and that of the image are the project's."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = (CHART / "Chart.yaml").read_text()

    assert re.findall(r'^(?:version|appVersion): "?([^"\n]+)"?$', chart, re.MULTILINE) == [version, version]


def test_objects_are_where_the_release_is() -> None:
    """Whatever is made by the chart has its namespace and its labels."""
    for values in NAMES:
        for document in rendered(values):
            assert document["metadata"]["namespace"] == NAMESPACE
            assert document["metadata"]["labels"]["app.kubernetes.io/instance"] == RELEASE


def test_setup_comes_first() -> None:
    """As a hook before the rest; where Kafka or ClickHouse come with the release, after it."""
    for values in NAMES:
        (job,) = by_kind(rendered(values), "Job").values()
        first = "post-install" if values == "operators" else "pre-install"
        assert job["metadata"]["annotations"]["helm.sh/hook"] == f"{first},pre-upgrade"
        # Nothing that the release has not made yet is needed before it.
        assert (
            values == "operators" or "serviceAccountName" not in job["spec"]["template"]["spec"] or values == "single"
        )
