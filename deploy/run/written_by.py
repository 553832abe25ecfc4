"""`DIR/written-by.json`: which release and servers wrote last to a directory of `up`; an older one leaves it alone.

Kafka and ClickHouse promise to read what earlier versions of them wrote, not what later ones did.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

import orjson

from deploy.local.errors import LocalStackError
from deploy.local.kafka.artifacts import kafka_version
from operations.secret_files import write_secret
from schemas.wire.formats import format_in, require_known

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["note_writer", "require_readable"]

# Of the directory: which files are where in it (schemas.wire.formats).
_FORMAT: Final = 1
_NAME: Final = "written-by.json"
_SERVERS: Final = {"kafka": "Kafka", "chdb": "the ClickHouse engine chdb"}


def require_readable(directory: Path) -> None:
    """Raise, before anything is written, where a newer release has used a directory, or newer servers.

    NewerFormatError for the directory itself, LocalStackError for a newer Kafka or ClickHouse; a patch more is no newer
    one. A directory without the file was written by a release of before it, and can be read.
    """
    noted, release = _noted(directory), str(_noted(directory).get("release", ""))
    require_known(f"the directory {directory}", format_in(noted.get("format")), _FORMAT, release)
    for server, own in _versions().items():
        there = str(noted.get(server, ""))
        if _minor(there) > _minor(own) > ():
            used = f"{directory} was last used by release {release} with {_SERVERS[server]} {there}"
            message = (
                f"{used}; this release has {own}, which need not be able to read it. Use that release or a newer one, "
                "or another directory with --data."
            )
            raise LocalStackError(message)


def note_writer(directory: Path) -> None:
    """Note that this release and its servers write to the directory from now on; raises OSError."""
    noted: dict[str, Any] = {"format": _FORMAT, "release": version("learnpack-telemetry"), **_versions()}
    write_secret(directory / _NAME, orjson.dumps(noted, option=orjson.OPT_INDENT_2))


def _noted(directory: Path) -> dict[str, Any]:
    try:
        noted = orjson.loads((directory / _NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return noted if type(noted) is dict else {}


def _versions() -> dict[str, str]:
    try:
        engine = version("chdb")
    except PackageNotFoundError:
        engine = ""
    return {"kafka": kafka_version(), "chdb": engine}


def _minor(text: str) -> tuple[int, ...]:
    """The first two numbers of a version; nothing of what is none."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return () if found is None else (int(found[1]), int(found[2]))
