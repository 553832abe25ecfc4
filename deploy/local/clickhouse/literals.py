"""SQL text that is put together from what a request says: quoted so that it stays a value."""

from __future__ import annotations

import re
from typing import Final

from deploy.local.clickhouse.errors import ClickHouseError

__all__ = ["quote_identifier", "quote_string", "setting_name"]

_SETTING: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def quote_string(value: str) -> str:
    """Write `value` as a string literal of ClickHouse."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def quote_identifier(name: str) -> str:
    """Write `name` as a quoted identifier of ClickHouse."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def setting_name(name: str) -> str:
    """Return `name` if it can be that of a setting or parameter; raises ClickHouseError (UNKNOWN_SETTING) if not."""
    if not _SETTING.match(name):
        raise ClickHouseError(115, "UNKNOWN_SETTING", f"Setting {name!r} is unknown")
    return name
