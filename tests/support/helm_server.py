"""A real Kubernetes API server for tests, with etcd below it: it checks and keeps what it is given, and runs nothing.

The server is built from the Go modules that tests/support/kube/go.mod pins, which takes ten minutes of processor time
once; `python -m tests.support.helm_server` does only that. etcd is Debian's package etcd-server.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest

from deploy.local.kafka.artifacts import cache_directory
from deploy.local.resources import LOOPBACK, free_port
from tests.support.helm import HELM, KUBECTL
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.processes import Child, Processes

__all__ = ["ApiServer", "built", "need_server"]

_SOURCE: Final = Path(__file__).with_name("kube")
_VERSION: Final = "1.37.2"
# Before a test takes the PATH apart.
_ETCD: Final = shutil.which("etcd")
_GO: Final = shutil.which("go")

need_server: Final = pytest.mark.skipif(
    _ETCD is None or _GO is None, reason="needs Debian's package etcd-server, and Go to build an API server"
)


def built() -> Path:
    """The API server's binary, built unless that was done before; raises subprocess.CalledProcessError."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_SOURCE.iterdir()))).hexdigest()[:16]
    binary = cache_directory().with_name("kubernetes") / f"apiserver-{digest}"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        version = "k8s.io/component-base/version.git"
        major, minor, _ = _VERSION.split(".")
        told = {"Version": f"v{_VERSION}", "Major": major, "Minor": minor}
        flags = " ".join(["-s -w", *(f"-X {version}{name}={value}" for name, value in told.items())])
        unfinished = binary.with_suffix(f".{os.getpid()}")
        command = [str(_GO), "build", "-trimpath", "-ldflags", flags, "-o", str(unfinished), "."]
        subprocess.run(command, cwd=_SOURCE, check=True)
        unfinished.rename(binary)
    return binary


class ApiServer:
    """Started, ready, and told to by kubectl and helm."""

    def __init__(self, directory: Path, processes: Processes) -> None:
        """Start etcd and the server on free ports of this machine; everything that they write is in the directory."""
        self.directory = directory
        etcd, peers, self._port = free_port(), free_port(), free_port()
        addresses = {
            "--listen-client-urls": etcd,
            "--advertise-client-urls": etcd,
            "--listen-peer-urls": peers,
            "--initial-advertise-peer-urls": peers,
        }
        processes.start(
            [
                str(_ETCD),
                f"--data-dir={directory / 'etcd'}",
                "--unsafe-no-fsync",
                f"--initial-cluster=default=http://{LOOPBACK}:{peers}",
                *(f"{name}=http://{LOOPBACK}:{port}" for name, port in addresses.items()),
            ]
        )
        token = secrets.token_hex(16)
        (directory / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        key = directory / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        self.child: Child = processes.start(
            [
                str(built()),
                f"--etcd-servers=http://{LOOPBACK}:{etcd}",
                f"--bind-address={LOOPBACK}",
                f"--advertise-address={LOOPBACK}",
                f"--secure-port={self._port}",
                f"--cert-dir={directory / 'certificates'}",
                f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--token-auth-file={directory / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                # Nobody makes accounts here, and nobody is at the address of the server's own service.
                "--disable-admission-plugins=ServiceAccount",
                "--endpoint-reconciler-type=none",
                "--service-cluster-ip-range=10.96.0.0/16",
            ]
        )
        self._write_configuration(token)
        eventually(lambda: self.kubectl("get", "--raw", "/readyz") == "ok", 180, "the API server is ready")

    def _write_configuration(self, token: str) -> None:
        place = {"server": f"https://{LOOPBACK}:{self._port}", "insecure-skip-tls-verify": True}
        configuration = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": place}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
            "current-context": "here",
        }
        (self.directory / "config").write_bytes(orjson.dumps(configuration))

    @property
    def environment(self) -> dict[str, str]:
        """What kubectl and helm need, and nothing that whoever runs the test has set for them."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
        homes = {f"HELM_{name}_HOME": str(self.directory / "helm") for name in ("CACHE", "CONFIG", "DATA")}
        path = f"{Path(HELM).parent}:{ours['PATH']}"
        return {
            **ours,
            **homes,
            "PATH": path,
            "KUBECONFIG": str(self.directory / "config"),
            "HOME": str(self.directory),
        }

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """What kubectl writes; raises AssertionError with what it complains of."""
        return self._run([KUBECTL, *words], given).stdout

    def objects(self, kind: str, namespace: str) -> dict[str, dict[str, Any]]:
        """The objects of a kind by their names."""
        items = orjson.loads(self.kubectl("get", kind, "--namespace", namespace, "--output", "json"))["items"]
        return {item["metadata"]["name"]: item for item in items}

    def helm(self, *words: str) -> str:
        """What helm writes, warnings of the server among it; raises AssertionError with what it complains of.

        Helm waits for the jobs and pods of hooks, which nobody runs here: they are told of as done.
        """
        with _Played(self):
            done = self._run([HELM, *words], None)
        return done.stdout + done.stderr

    def shell(self, text: str, cwd: Path) -> str:
        """What a page's lines write, helm and kubectl among them; raises AssertionError if one of them fails."""
        with _Played(self):
            return self._run(["bash", "-euo", "pipefail", "-c", text], None, cwd).stdout

    def _run(self, command: list[str], given: str | None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, input=given, cwd=cwd, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done

    def finish(self) -> None:
        """Say of every job and of every pod of a hook that it has done its work, as who runs them would."""
        for kind, done in (("jobs", _job), ("pods", _pod)):
            items = orjson.loads(self.kubectl("get", kind, "--all-namespaces", "--output", "json"))["items"]
            for item in items:
                if status := done(item):
                    where = item["metadata"]
                    change = orjson.dumps({"status": status}).decode()
                    name = ["--namespace", where["namespace"], kind, where["name"]]
                    self.kubectl("patch", *name, "--subresource=status", "--type=merge", "--patch", change)


class _Played:
    """Finishes jobs and pods again and again, in a thread, as long as the block lasts."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_raised: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.5):
            # What helm deletes meanwhile cannot be told of.
            try:
                self._server.finish()
            except AssertionError as error:
                if "NotFound" not in str(error):
                    raise


def _job(job: dict[str, Any]) -> dict[str, Any] | None:
    if job["status"].get("conditions"):
        return None
    begun = job["metadata"]["creationTimestamp"]
    told = [
        {"type": kind, "status": "True", "lastProbeTime": begun, "lastTransitionTime": begun, "reason": "Played"}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    return {"startTime": begun, "completionTime": begun, "succeeded": 1, "conditions": told}


def _pod(pod: dict[str, Any]) -> dict[str, Any] | None:
    of_hook = "helm.sh/hook" in pod["metadata"].get("annotations", {})
    return {"phase": "Succeeded"} if of_hook and pod["status"]["phase"] != "Succeeded" else None


if __name__ == "__main__":
    built()
