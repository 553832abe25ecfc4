"""What panels ask: PromQL of Prometheus, SQL of Grafana's data source for ClickHouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BY_PART",
    "CLICKHOUSE",
    "LIVE",
    "PART",
    "PROMETHEUS",
    "SOURCES",
    "Asked",
    "Sql",
    "percentile",
    "promql",
    "rate",
    "share",
]

# A dashboard has a variable of this name for the data source, so that it may be imported wherever there is one.
SOURCES: Final = {"prometheus": "prometheus", "clickhouse": "grafana-clickhouse-datasource"}
PROMETHEUS: Final = DataSourceRef(type_val=SOURCES["prometheus"], uid="${prometheus}")
CLICKHOUSE: Final = DataSourceRef(type_val=SOURCES["clickhouse"], uid="${clickhouse}")

# Without a replay, whose parts go through all webhooks once more.
LIVE: Final = 'process!~"replay-.+"'

# One line for each process of a part, and what names it: `up` gives it a name, a cluster a pod.
BY_PART: Final = "max by (process, pod, instance)"
PART: Final = "{{process}}{{pod}} {{instance}}"

Asked = Builder[Dataquery]

# Of the data source's formats of an answer: columns as they are. A graph takes them too, if one is a time.
_TABLE: Final = 1


class Sql(Builder[Dataquery], Dataquery):
    """A query in SQL, with Grafana's variables and the data source's macros; the SDK has no builder for it."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()

    def build(self) -> Dataquery:
        """Itself: nothing is left to be said."""
        return self

    def to_json(self) -> dict[str, object]:
        """As the data source keeps it."""
        return {
            "datasource": CLICKHOUSE,
            "editorType": "sql",
            "format": _TABLE,
            "queryType": "table",
            "rawSql": self.text,
            "refId": "A",
        }


def promql(queries: Sequence[tuple[str, str]], *, now: bool = False) -> list[Asked]:
    """Queries by PromQL and what names their series; `now` asks for the last value only, as a table."""
    found: list[Asked] = []
    for place, (expression, legend) in enumerate(queries):
        query = prometheus.Dataquery().ref_id(chr(ord("A") + place)).expr(expression).legend_format(legend)
        query.datasource(PROMETHEUS)
        found.append(query.instant().format(PromQueryFormat.TABLE) if now else query.range())
    return found


def rate(series: str, over: str = "$__rate_interval") -> str:
    """How fast counters rise, per second."""
    return f"rate({series}[{over}])"


def percentile(part: float, histogram: str, *labels: str, where: str = "") -> str:
    """The value of a histogram that this part of its observations does not exceed, by some labels."""
    return f"histogram_quantile({part}, sum by ({', '.join(('le', *labels))}) ({rate(f'{histogram}_bucket{where}')}))"


def share(counter: str, where: str, *, of: str = "") -> str:
    """What part of what a counter counts has these labels, among those that are like `of`; 0 while nothing has."""
    both = f"{of}, {where}" if of else where
    return f"(sum({rate(f'{counter}{{{both}}}')}) or vector(0)) / sum({rate(f'{counter}{{{of}}}')})"
