"""`DIR/env`: what people, scripts and commands find a system by, and what its next start keeps of it."""

from __future__ import annotations

import secrets
import shlex
from typing import TYPE_CHECKING, Final

from deploy.local.resources import is_free
from operations.secret_files import write_secret
from operations.tokens import new_secret
from schemas.settings import PREFIX, given_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from schemas.settings import Settings

__all__ = ["Kept", "set_for_commands", "write_env"]

_HIGHEST_PORT: Final = (1 << 16) - 1

# By these commands compute, make and look as the parts do: a terminal that lacks one finds another system, takes
# topics and tables for wrong, or replays with other results.
_FOR_COMMANDS: Final = (
    "generation",
    "replication",
    "clickhouse_cluster",
    "max_body_bytes",
    "directory",
    "default_academy",
    "dedup_window",
    "algorithm",
    "redact",
    "redact_raw",
    "pseudonym_key",
    "notebook_names",
    "notebook_properties",
    "webhook_retention_days",
    "raw_retention_days",
)


def set_for_commands(settings: Settings) -> dict[str, str]:
    """What has been set for `up` that commands need as well, by variable; nothing of what was left to the defaults."""
    given = given_settings()
    names = (name for name in _FOR_COMMANDS if name in settings.model_fields_set)
    return {variable: given[variable] for name in names if (variable := f"{PREFIX}{name.upper()}") in given}


class Kept:
    """The file as the last run has left it."""

    def __init__(self, path: Path) -> None:
        """Read it; without one nothing is kept."""
        self._path = path
        try:
            self._text = path.read_text(encoding="utf-8")
        except OSError:
            self._text = ""
        pairs = (shlex.split(line) for line in self._text.splitlines() if "=" in line)
        self._values = dict(parts[0].split("=", 1) for parts in pairs if parts)

    def restore(self) -> None:
        """Leave the file as the last run has left it, if there was one."""
        if self._text:
            write_secret(self._path, self._text)

    def token(self) -> str:
        """The token of the last run, else a new one."""
        return self._values.get(f"{PREFIX}TOKEN") or new_secret()

    def password(self, variable: str, user: str) -> str:
        """The password in the URL of a user, else a new one."""
        _, _, rest = self._values.get(variable, "").partition(f"//{user}:")
        password, at, _ = rest.partition("@")
        return password if at else secrets.token_urlsafe(18)

    def value(self, variable: str) -> str:
        """What a variable was the last time; empty if there was none."""
        return self._values.get(variable, "")

    def partitions(self) -> int | None:
        """How many partitions the log had the last time; None where there was none."""
        value = self._values.get(f"{PREFIX}PARTITIONS", "")
        return int(value) if value.isdecimal() else None

    def port(self, variable: str) -> int | None:
        """The port that a server had the last time, unless somebody else has it by now."""
        port = self.last_port(variable)
        return port if port is not None and is_free(port) else None

    def ports(self, variable: str) -> list[int | None]:
        """The same of several servers, whose addresses stand there with commas."""
        ports = [_port_of(address) for address in self._values.get(variable, "").split(",")]
        return [port if port is not None and is_free(port) else None for port in ports]

    def last_port(self, variable: str) -> int | None:
        """The port that a server had the last time, whoever has it now."""
        return _port_of(self._values.get(variable, ""))


def _port_of(address: str) -> int | None:
    port = address.rpartition(":")[2]
    return int(port) if port.isdecimal() and 0 < int(port) <= _HIGHEST_PORT else None


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Write the file for this run.

    A terminal that has loaded that of an earlier run loses what has been set for that one only.
    """
    stale = [variable for name in _FOR_COMMANDS if (variable := f"{PREFIX}{name.upper()}") not in values]
    lines = [f"unset {' '.join(stale)}", *(f"{name}={shlex.quote(value)}" for name, value in values.items())]
    write_secret(path, "".join(f"{line}\n" for line in lines))
