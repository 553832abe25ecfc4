"""The few kinds of panels that there are, all in one manner.

Axes begin at 0 and have units. Colour has a meaning or none: green is well, grey nothing to do, amber waits, red
failed; a word stands beside it. What a panel shows, and what to do about it, is its description.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import barchart, common, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.common import (
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

from deploy.monitoring.grafana.asked import CLICKHOUSE, PROMETHEUS, SOURCES, Sql, promql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import DataSourceRef, Panel

    from deploy.monitoring.grafana.asked import Asked

__all__ = ["AMBER", "GREEN", "GREY", "HALF", "RED", "THIRD", "WHOLE", "bars", "board", "lines", "rows", "states"]

GREEN, GREY, AMBER, RED = "green", "#808080", "orange", "red"
WHOLE, HALF, THIRD = 24, 12, 8

_HEIGHT: Final = 8
_TAG: Final = "learnpack-telemetry"
_ANSWERS: Final = MappingProxyType({"0": ("no answer", RED), "1": ("answers", GREEN)})


def lines(
    title: str,
    text: str,
    asked: Sequence[tuple[str, str]] | Sql,
    *,
    unit: str,
    width: int = HALF,
    stacked: bool = False,
    most: float | None = None,
    colours: Mapping[str, str] | None = None,
    alerts: Sequence[str] = (),
) -> timeseries.Panel:
    """Figures over time: PromQL with what names its series, or SQL with a time among its columns.

    `stacked` are bars on one another; `most` is the end of the axis; `alerts` are those that watch the same, whose
    runbooks are named.
    """
    source, targets = _asked(asked)
    panel = timeseries.Panel().title(title).description(text + _runbooks(alerts)).datasource(source).targets(targets)
    panel.unit(unit).min(0).span(width).height(_HEIGHT).line_width(1).show_points(VisibilityMode.NEVER)
    panel.legend(_legend()).tooltip(
        common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    )
    if most is not None:
        panel.max(most)
    if stacked:
        panel.draw_style(GraphDrawStyle.BARS).fill_opacity(80)
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if isinstance(asked, Sql):
        panel.show_points(VisibilityMode.AUTO)
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [_fixed(colour)])
    return panel


def rows(
    title: str,
    text: str,
    asked: Sequence[tuple[str, str]] | Sql,
    *,
    width: int = HALF,
    units: Mapping[str, str] | None = None,
    hidden: Sequence[str] = (),
) -> table.Panel:
    """A table: of PromQL the last values, or what SQL answers. `units` are by column, `hidden` columns are left out."""
    source, targets = _asked(asked, now=True)
    panel = table.Panel().title(title).description(text).datasource(source).targets(targets)
    panel.span(width).height(_HEIGHT).no_value("nothing")
    if hidden:
        left_out = dict.fromkeys(hidden, True)
        panel.with_transformation(DataTransformerConfig(id_val="organize", options={"excludeByName": left_out}))
    for name, unit in (units or {}).items():
        panel.override_by_name(name, [DynamicConfigValue("unit", unit)])
    return panel


def bars(
    title: str, text: str, asked: Sql, *, by: str, shown: Mapping[str, str], unit: str, width: int = WHOLE
) -> barchart.Panel:
    """Horizontal bars with their numbers, a group for each value of the column `by`; of `shown` columns in colours."""
    panel = barchart.Panel().title(title).description(text).datasource(CLICKHOUSE).targets([asked])
    panel.span(width).height(2 * _HEIGHT).unit(unit).min(0).x_field(by).orientation(VizOrientation.HORIZONTAL)
    panel.show_value(VisibilityMode.ALWAYS).fill_opacity(80)
    panel.legend(_legend())
    named = {"include": {"names": [by, *shown]}}
    panel.with_transformation(DataTransformerConfig(id_val="filterFieldsByName", options=named))
    for name, colour in shown.items():
        panel.override_by_name(name, [_fixed(colour)])
    return panel


def states(
    title: str,
    text: str,
    asked: Sequence[tuple[str, str]],
    *,
    alerts: Sequence[str],
    words: Mapping[str, tuple[str, str]] = _ANSWERS,
    width: int = HALF,
) -> statetimeline.Panel:
    """What was so (1) and what was not (0), over time, in `words` by value, each with its colour."""
    mapped = {value: ValueMappingResult(text=word, color=colour) for value, (word, colour) in words.items()}
    panel = statetimeline.Panel().title(title).description(text + _runbooks(alerts))
    panel.datasource(PROMETHEUS).targets(promql(asked))
    panel.span(width).height(_HEIGHT).mappings([ValueMap(mapped)]).show_value(VisibilityMode.NEVER)
    # Without thresholds of its own Grafana paints everything from 80 on red.
    panel.thresholds(
        builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=None, color=GREEN)])
    )
    return panel


def board(
    name: str,
    title: str,
    text: str,
    parts: Mapping[str, Sequence[Builder[Panel]]],
    *,
    sources: Sequence[str],
    since: str,
    refresh: str,
) -> builders.Dashboard:
    """A dashboard of rows of panels by heading, which shows what was from `since` on; the others are linked.

    It has a variable for each of its `sources`, of asked.SOURCES; whoever calls adds others.
    """
    made = builders.Dashboard(title).uid(f"{_TAG}-{name}").description(text).tags([_TAG]).readonly()
    made.tooltip(DashboardCursorSync.CROSSHAIR).timezone("browser").time(since, "now").refresh(refresh)
    link = builders.DashboardLink("LearnPack Telemetry").type(DashboardLinkType.DASHBOARDS).tags([_TAG])
    made.link(link.as_dropdown(as_dropdown=False).keep_time(keep_time=True))
    for source in sources:
        made.with_variable(builders.DatasourceVariable(source).label(source.capitalize()).type(SOURCES[source]))
    number = 0
    for heading, panels in parts.items():
        number += 1
        made.with_row(builders.Row(heading).id(number))
        for panel in panels:
            number += 1
            # What is built is what the builder goes on with, and only the dashboard can number it.
            panel.build().id_val = number
            made.with_panel(panel)
    return made


def _asked(asked: Sequence[tuple[str, str]] | Sql, *, now: bool = False) -> tuple[DataSourceRef, list[Asked]]:
    return (CLICKHOUSE, [asked]) if isinstance(asked, Sql) else (PROMETHEUS, promql(asked, now=now))


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return legend.show_legend(show_legend=True)


def _runbooks(alerts: Sequence[str]) -> str:
    named = " and ".join(f'"{alert}"' for alert in alerts)
    return f" What to do: docs/runbooks.md, {named}." if alerts else ""


def _fixed(colour: str) -> DynamicConfigValue:
    return DynamicConfigValue("color", {"mode": FieldColorModeId.FIXED, "fixedColor": colour})
