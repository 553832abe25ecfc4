"""The first thing that `up` says once the system runs: what a person needs of it, the console first."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from deploy.demo.made import FIRST_MADE
from deploy.run.part_logs import logs_of
from gateway.console.once import LINK_SECONDS, offer_link, with_link
from operations.secret_files import write_secret
from operations.tokens import digest

if TYPE_CHECKING:
    from deploy.run.system import LocalSystem

__all__ = ["ask_it", "first_screen", "write_learn_json"]

_ONCE: Final = f"console     (logs in once, within {LINK_SECONDS // 60} minutes; afterwards paste the token)"
_FOLLOWED: Final = "raw topic   {name}, which the live generation is computed from: TELEMETRY_RAW_TOPIC is not set"
_LEFT: Final = "            it was at port {port}: what has that address, a learn.json for one, needs the new one"
# Of the bundled documents: ids of students who are made up are above.
_QUERY: Final = f"SELECT event, count() FROM telemetry.events WHERE user_id < {FIRST_MADE} GROUP BY 1"  # noqa: S608 - ours
_INGEST: Final = "/v1/assignment/me/telemetry"


def first_screen(system: LocalSystem) -> list[str]:
    """Its lines, which a terminal may fold; offers a link into the console, and may raise OSError for that."""
    code = offer_link(system.settings().spool, digest(system.token), time.time())
    return [
        "LearnPack Telemetry is up; Ctrl-C stops it.",
        "",
        _ONCE,
        # Not behind the name: it would not be in one line of 80 columns.
        f"  {with_link(system.gateway_url, code)}",
        f"gateway     {system.gateway_url}",
        *([_LEFT.format(port=system.left_port)] if system.left_port else []),
        f"token       {system.token}",
        f"terminals   {_line_for_terminals(system)}",
        f"files       {_files(system)}",
        *([_FOLLOWED.format(name=system.followed["raw_topic"])] if "raw_topic" in system.followed else []),
        "",
    ]


def ask_it(system: LocalSystem) -> list[str]:
    """How to ask ClickHouse as the demo has."""
    return ["Ask it yourself:", f"  curl '{system.clickhouse_url}' --data-binary '{_QUERY}'"]


def write_learn_json(system: LocalSystem) -> None:
    """Write what a tutorial's learn.json needs to send here, with `ASSET_ID` to be replaced; raises OSError."""
    url = f"{system.gateway_url}{_INGEST}"
    named = {"batch": f"{url}?asset_id=ASSET_ID", "streaming": f"{url}?token={system.ingest_key}"}
    text = orjson.dumps({"telemetry": named}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    write_secret(_learn_json(system), text)


def _learn_json(system: LocalSystem) -> Path:
    return system.directory / "learn.json"


def _files(system: LocalSystem) -> str:
    """Addresses, what a tutorial needs, and what parts wrote, in one line: all stand in the same directory."""
    names = (path.name for path in (system.env_file, _learn_json(system), logs_of(system.directory)))
    return f"{_from_here(system.directory)}: {', '.join(names)}"


def _from_here(path: Path) -> Path:
    """The path as short as a command in this directory takes it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _line_for_terminals(system: LocalSystem) -> str:
    """What makes the command known to another terminal, and the system known to the command."""
    environment = f"set -a; . {shlex.quote(str(system.env_file))}; set +a"
    activate = Path(sys.prefix) / "bin" / "activate"
    return f". {shlex.quote(str(activate))}; {environment}" if activate.exists() else environment
