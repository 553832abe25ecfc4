"""Where this package was installed from: where that is a gateway, it says where to send, too, and what to install."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

__all__ = ["DISTRIBUTION", "NOWHERE", "Source", "installed_from", "source_of"]

DISTRIBUTION: Final = "learnpack-notebook-telemetry"

# pip and uv write it where they install from an address (PEP 610), without the hash that stood behind `#`.
_RECORD: Final = "direct_url.json"
_ON_A_GATEWAY: Final = re.compile(r"(?P<below>.*)/notebook/[^/]+\.whl")


@dataclass(frozen=True, slots=True)
class Source:
    """A gateway from which the package came: its address, the key in the wheel's address, and that address with hash.

    Each is empty where it is not known.
    """

    host: str = ""
    api_key: str = ""
    wheel: str = ""


NOWHERE: Final = Source()


def installed_from() -> Source:
    """The gateway from which this installation came, or NOWHERE."""
    try:
        record = json.loads(metadata.distribution(DISTRIBUTION).read_text(_RECORD) or "{}")
    # A zip file on the path, a record that somebody has edited: a notebook does without it.
    except (metadata.PackageNotFoundError, OSError, ValueError):
        return NOWHERE
    return source_of(record)


def source_of(record: Any) -> Source:
    """The same for what an installer has written."""
    try:
        parts = urlsplit(record["url"])
        archive = record.get("archive_info") or {}
        digest = (archive.get("hashes") or {}).get("sha256") or archive.get("hash", "").partition("sha256=")[2]
    except (AttributeError, KeyError, TypeError, ValueError):
        return NOWHERE
    found = _ON_A_GATEWAY.fullmatch(parts.path)
    if parts.scheme not in ("http", "https") or not parts.netloc or found is None:
        return NOWHERE
    host = urlunsplit((parts.scheme, parts.netloc, found["below"], "", ""))
    key = parse_qs(parts.query).get("token", [""])[-1]
    wheel = urlunsplit(parts._replace(fragment=f"sha256={digest}")) if digest else ""
    return Source(host, key, wheel)
