"""Whether the part in this container lives: `python -m deploy.run.probe`, for the health check of an image.

It loads nothing of the system, since it runs every few seconds beside a part.
"""

from __future__ import annotations

import http.client
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["trouble"]

# Where a part tells: its setting and the path. A container has one part, and that listens at one of them.
_TOLD: Final = (("TELEMETRY_GATEWAY_BIND", "/health/live"), ("TELEMETRY_METRICS_BIND", "/live"))
# Addresses that stand for all of a machine, and where it reaches itself.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "[::]": "::1", "": "127.0.0.1"}  # noqa: S104 - nobody listens there
_SECONDS: Final = 5.0


def trouble(environment: Mapping[str, str]) -> str:
    """What is wrong with the part that listens where these settings say, in one line; empty if it lives."""
    refused = []
    for setting, path in _TOLD:
        host, _, port = environment.get(setting, "").rpartition(":")
        if not port:
            continue
        host = _EVERYWHERE.get(host, host.strip("[]"))
        address = f"{host}:{port}"
        try:
            return _asked(host, int(port), path)
        except ConnectionRefusedError:
            refused.append(address)
        except (OSError, http.client.HTTPException) as error:
            return f"{address} does not answer: {str(error) or type(error).__name__}"
    return f"nobody listens at {' or '.join(refused)}" if refused else f"neither {' nor '.join(dict(_TOLD))} is set"


def _asked(host: str, port: int, path: str) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read(200).decode("utf-8", "replace").strip()
        return "" if answer.status == http.client.OK else f"{path}: {answer.status} {text}"
    finally:
        connection.close()


def main() -> None:
    """Exit with 0 if the part lives, with 1 and a line that says what is wrong if not."""
    if told := trouble(os.environ):
        sys.stdout.write(f"{told}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
