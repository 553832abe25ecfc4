"""docs/settings.md: every setting, from the descriptions in `schemas.settings`.

`uv run python -m deploy.settings_page` writes it anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args, get_origin

from pydantic import SecretStr

from schemas.settings import PREFIX, Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["PAGE", "render"]

PAGE: Final = Path(__file__).parents[1] / "docs" / "settings.md"

# In the page's order. A section goes from the setting that it is named for to the next one of these; so a new setting
# needs no entry.
_SECTIONS: Final = {
    "kafka": "Kafka",
    "clickhouse": "ClickHouse",
    "lms_postgres": "The LMS",
    "gateway_bind": "Gateway",
    "directory": "What webhooks become",
    "store": "Workers",
    "webhook_retention_days": "Retention",
    "metrics_bind": "Metrics",
    "traces": "Traces",
    "forward_url": "Forwarding",
    "gateway_url": "Commands and logs",
}

_INTRODUCTION: Final = """# Settings

Environment variables, or lines of a file `.env` in the working directory, or files of a directory, as containers get
their secrets: `/run/secrets/telemetry_clickhouse` holds `TELEMETRY_CLICKHOUSE`, in any case of letters, without the
blanks around it. The environment comes first, then `.env`. A name means the same for every part and command. An unknown
`TELEMETRY_` name or a bad value stops the start with a line that names it; only `TELEMETRY_PACKAGE_…` is left to the
notebooks' package. `learnpack-telemetry up` picks addresses, ports and directories by itself and writes them to
`.telemetry/env`; all else holds there, too.

This page is made from `schemas/settings.py` by `uv run python -m deploy.settings_page`.
"""


def render() -> str:
    """The text of the page. Raises ValueError for a setting without a description."""
    sections: dict[str, list[str]] = {}
    section = ""
    for name, field in Settings.model_fields.items():
        section = _SECTIONS.get(name, section)
        if not field.description:
            message = f"{name} has no description: give its Field(description=…) one."
            raise ValueError(message)
        text = field.description + _choices(field)
        sections.setdefault(section, []).append(f"| `{PREFIX}{name.upper()}` | {_default(field)} | {text} |")
    lines = [_INTRODUCTION]
    for title in _SECTIONS.values():
        lines += [f"## {title}", "", "| setting | default | what it is |", "| --- | --- | --- |", *sections[title], ""]
    return "\n".join(lines)


def _default(field: FieldInfo) -> str:
    value = None if field.is_required() else field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", ()):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _choices(field: FieldInfo) -> str:
    kinds = [field.annotation, *get_args(field.annotation)]
    choices = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    return f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
