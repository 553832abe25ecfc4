"""The image of deploy/image, and parts that run from it as docs/containers.md says."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from deploy.local.resources import LOOPBACK, free_port
from tests.support.plain_http import PLAIN
from tests.support.podman import Podman
from tests.support.sources import ROOT
from tests.support.up import document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.podman import Container

__all__ = ["IMAGE", "ImageParts", "built", "posted"]

IMAGE: Final = "localhost/learnpack-telemetry:test"

_DOCKERFILE: Final = ROOT / "deploy" / "image" / "Dockerfile"
_WRITTEN: Final = "/var/lib/learnpack-telemetry"
_PAUSE_SECONDS: Final = 0.2


def built(directory: Path) -> Podman:
    """Podman with the image built from what is in the project's directory now."""
    own = Podman.at(directory)
    own.build(_DOCKERFILE, IMAGE, REVISION="0123abc")
    return own


def posted(gateway: str, token: str, student: int) -> bool:
    """Whether a small document of a student is taken; not where nobody answers yet."""
    try:
        answer = httpx.post(
            f"{gateway}/v1/assignment/me/telemetry",
            json=document(student),
            headers={"Authorization": f"Token {token}"},
            timeout=10,
            verify=PLAIN,
        )
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


@dataclass(frozen=True, slots=True)
class ImageParts:
    """Starts parts of one system; its settings are variables, its secrets files, and `mounts` are for all."""

    podman: Podman
    directory: Path
    settings: Mapping[str, str]
    secrets: Mapping[str, str]
    mounts: Mapping[Path, str] = field(default_factory=dict)

    def start(self, name: str, *options: str, **settings: str) -> AbstractContextManager[Container]:
        """A part, or any other command, for a while; further settings come before the system's."""
        secrets = self.directory / "secrets"
        secrets.mkdir(exist_ok=True)
        for file, text in self.secrets.items():
            (secrets / file).write_text(f"{text}\n")
        given = {"TELEMETRY_METRICS_BIND": f"{LOOPBACK}:{free_port()}", **self.settings}
        given |= {f"TELEMETRY_{key}": value for key, value in settings.items()}
        mounts = {secrets: "/run/secrets", **self.mounts}
        return self.podman.started(IMAGE, [name, *options], given, mounts, _WRITTEN)

    def done(self, *words: str, timeout: float = 300) -> str:
        """What a command writes by its end; raises AssertionError if it fails or takes too long."""
        deadline = time.monotonic() + timeout
        with self.start(*words) as container:
            while container.running:
                assert time.monotonic() < deadline, f"{words} did not end:\n{container.output}"
                time.sleep(_PAUSE_SECONDS)
            assert container.exit_code == 0, container.output
            return container.output
