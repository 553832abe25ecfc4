"""Grafana's dashboards as tests read them: their panels, and what these ask, with Grafana's own words replaced."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.support.sources import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FOLDER", "Shown", "boards", "expanded_promql", "expanded_sql", "of_optional_parts", "panels", "variables"]

FOLDER: Final = ROOT / "deploy" / "monitoring" / "grafana"

_FILTER: Final = re.compile(r"\$__timeFilter\((\w+)\)")


@dataclass(frozen=True, slots=True)
class Shown:
    """A panel: where it stands, what it asks of which source, and all that Grafana is told of it."""

    board: str
    title: str
    promql: tuple[str, ...]
    sql: tuple[str, ...]
    raw: dict[str, Any]

    def __str__(self) -> str:
        """How a person would name it."""
        return f"{self.board}: {self.title}"


def boards() -> dict[str, dict[str, Any]]:
    """Each dashboard by its file's name, without the ending."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((FOLDER / "dashboards").glob("*.json"))}


def panels() -> list[Shown]:
    """Every panel of every dashboard; headings are none."""
    return [_shown(name, raw) for name, board in boards().items() for raw in board["panels"] if raw["type"] != "row"]


def _shown(board: str, raw: dict[str, Any]) -> Shown:
    asked = raw["targets"]
    promql = tuple(target["expr"] for target in asked if "expr" in target)
    sql = tuple(target["rawSql"] for target in asked if "rawSql" in target)
    return Shown(board, raw["title"], promql, sql, raw)


def of_optional_parts() -> list[Shown]:
    """Panels of the forwarder and of the directory's sync, which only an operator starts."""
    return [one for one in panels() if any(re.search(r"\btelemetry_(?:forward|sync)_", asked) for asked in one.promql)]


def variables(board: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The variables of a dashboard by their names."""
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def expanded_promql(expression: str, interval: str) -> str:
    """An expression as Grafana sends it, where rates are over so much."""
    return expression.replace("$__rate_interval", interval)


def expanded_sql(sql: str, tutorial: str, first: int = 0, last: int = 4_000_000_000) -> str:
    """A query as Grafana and its data source send it: of a tutorial, between two instants in seconds."""
    since, until = f"toDateTime({first})", f"toDateTime({last})"
    sql = _FILTER.sub(rf"\1 >= {since} AND \1 <= {until}", sql)
    sql = sql.replace("$__fromTime", since).replace("$__toTime", until)
    return sql.replace("${tutorial:sqlstring}", "'" + tutorial.replace("'", "''") + "'")
