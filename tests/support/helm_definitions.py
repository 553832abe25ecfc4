"""The definitions of the custom resources that the chart makes, from their makers' own packages.

Strimzi's are written by its generator (Maven; strimzi.lock), the Prometheus operator's by controller-gen from its types
(tests/support/kube_types), KEDA's and the Gateway API's lie in their Go modules. Altinity's operator is in no registry:
for its two kinds there is a definition that takes any field.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from deploy.local.kafka import artifacts
from deploy.local.kafka.java import java_command, java_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["UNJUDGED", "definitions"]

_HERE: Final = Path(__file__).parent

_STRIMZI: Final = "io.strimzi.api.kafka.model"
_STRIMZI_CLASSES: Final = ("kafka.Kafka", "nodepool.KafkaNodePool", "topic.KafkaTopic", "user.KafkaUser")

# Where in a module its definitions are, and the sum that its contents have to have.
_MODULES: Final = {
    "github.com/kedacore/keda/v2@v2.21.0": (
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        "config/crd/bases/keda.sh_scaledobjects.yaml",
    ),
    "sigs.k8s.io/gateway-api@v1.6.3": (
        "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ),
}

# Kinds of which any field is taken here, by their groups.
UNJUDGED: Final = {
    "clickhouse.altinity.com": "ClickHouseInstallation",
    "clickhouse-keeper.altinity.com": "ClickHouseKeeperInstallation",
}


def definitions(directory: Path) -> list[Path]:
    """Files of all definitions, some of them written into the directory; raises subprocess.CalledProcessError."""
    return [*_strimzi(directory), *_of_types(directory), *_of_modules(), _anything(directory)]


def _strimzi(directory: Path) -> Iterator[Path]:
    jars = artifacts.fetch(lock=_HERE / "strimzi.lock")
    files = {f"{_STRIMZI}.{name}": directory / f"strimzi-{name}.yaml" for name in _STRIMZI_CLASSES}
    command = [java_command(), "-cp", ":".join(map(str, jars)), "io.strimzi.crdgenerator.CrdGenerator"]
    command += ["--yaml", "--target-kube", "1.25+", *(f"{name}={file.absolute()}" for name, file in files.items())]
    subprocess.run(command, env=java_environment(), check=True, capture_output=True)
    return iter(files.values())


def _of_types(directory: Path) -> Iterator[Path]:
    into = directory / "types"
    types = "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
    command = ["go", "tool", "controller-gen", "crd", f"paths={types}", f"output:crd:dir={into.absolute()}"]
    subprocess.run(command, cwd=_HERE / "kube_types", check=True, capture_output=True)
    for kind in ("podmonitors", "prometheusrules"):
        yield into / f"monitoring.coreos.com_{kind}.yaml"


def _of_modules() -> Iterator[Path]:
    for module, (total, path) in _MODULES.items():
        command = ["go", "mod", "download", "-json", module]
        told = orjson.loads(subprocess.run(command, cwd=_HERE.root, check=True, capture_output=True).stdout)
        assert told["Sum"] == total, f"{module} is not what it was"
        yield Path(told["Dir"], path)


def _anything(directory: Path) -> Path:
    file = directory / "anything.json"
    file.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": list(map(_any, UNJUDGED))}))
    return file


def _any(group: str) -> dict[str, Any]:
    kind = UNJUDGED[group]
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [version],
        },
    }
