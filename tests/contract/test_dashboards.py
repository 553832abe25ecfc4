"""Grafana's dashboards: what is committed is what the code writes, and they ask for what there is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from deploy.metrics_page import every_part
from deploy.monitoring.grafana.asked import SOURCES
from deploy.monitoring.grafana.queries import filled, of_page
from deploy.monitoring.grafana.written import FOLDER as WRITTEN
from deploy.monitoring.grafana.written import written
from tests.support.dashboards import FOLDER, Shown, boards, expanded_promql, expanded_sql, panels, variables
from tests.support.metrics import misread, need_prometheus
from tests.support.questions import questions

if TYPE_CHECKING:
    from pathlib import Path

PANELS: Final = panels()
EVERY_PANEL: Final = pytest.mark.parametrize("panel", PANELS, ids=str)

# Of each scrape, of alerts, and of Python's client; of how Prometheus found the part.
GIVEN: Final = {
    "up": set[str](),
    "ALERTS": {"alertname", "alertstate"},
    "process_cpu_seconds_total": set[str](),
    "process_resident_memory_bytes": set[str](),
    "process_start_time_seconds": set[str](),
}
OF_TARGETS: Final = {"job", "instance", "process", "pod"}
FIGURES: Final = {figure.name: set(figure.labels) for part in every_part() for figure in part.declared} | GIVEN
RULES: Final = FOLDER.parent / "prometheus" / "telemetry.rules.yaml"
ALERTS: Final[dict[str, str]] = {
    rule["alert"]: rule["expr"] for rule in yaml.safe_load(RULES.read_text("utf-8"))["groups"][0]["rules"]
}
HISTOGRAMS: Final = {figure.name for part in every_part() for figure in part.declared if figure.kind == "histogram"}
# Units in which a panel may count, by what its figures end in.
UNITS: Final = {"s", "bytes", "Bps", "reqps", "wps", "cps", "percentunit", "percent", "short"}


def test_what_is_committed_is_what_the_code_writes() -> None:
    """Each dashboard has its file, and no file is of none."""
    committed = {path.name: path.read_text("utf-8") for path in WRITTEN.iterdir()}

    assert committed == written(), "run `uv run python -m deploy.monitoring.grafana`"


@EVERY_PANEL
def test_a_panel_asks_for_figures_that_there_are(panel: Shown) -> None:
    """Every name in its expressions is a figure of a part; labels by which it selects and sums are the figure's."""
    for expression in panel.promql:
        bare = re.sub(r'"[^"]*"', '""', expression)
        names = {name for name in re.findall(r"\b[A-Za-z_]\w+\b(?=[\[{) ]|$)", bare) if "_" in name or name in GIVEN}
        names -= {"histogram_quantile", "sort_desc", "__rate_interval", "group_left"} | OF_TARGETS
        asked = {name for name in names if name in FIGURES or name.startswith(("telemetry_", "process_"))}
        of_histograms = {name.removesuffix("_bucket") for name in asked if name.endswith("_bucket")}
        known = {label for name in asked for label in FIGURES[name.removesuffix("_bucket")]} | OF_TARGETS
        summed = {label for by in re.findall(r"by \(([^)]*)\)", bare) for label in re.split(r",\s*", by)}

        assert asked, expression
        assert of_histograms <= HISTOGRAMS
        assert {name for name in asked if name in HISTOGRAMS} == set()
        assert summed <= known | ({"le"} if of_histograms else set())
        assert set(re.findall(r"(\w+)=~?\"", bare)) <= known


@need_prometheus
def test_prometheus_can_read_every_expression(tmp_path: Path) -> None:
    """Its own parser does."""
    expressions = [expanded_promql(one, "1m") for panel in PANELS for one in panel.promql]

    assert misread(expressions, tmp_path) == ""
    assert "tried" in misread([*expressions, "sum(by (a)"], tmp_path)


@EVERY_PANEL
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: Shown) -> None:
    """Its description is sentences, it asks its own source, and a graph has a unit and begins at 0."""
    assert re.search(r'\w[.)"]{1,2}$', panel.raw["description"]), panel.raw["description"]
    assert bool(panel.promql) != bool(panel.sql)
    assert panel.raw["datasource"] == {
        "type": SOURCES["clickhouse" if panel.sql else "prometheus"],
        "uid": "${clickhouse}" if panel.sql else "${prometheus}",
    }
    if panel.raw["type"] in {"timeseries", "barchart"}:
        assert panel.raw["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel.raw["fieldConfig"]["defaults"]["min"] == 0


@pytest.mark.parametrize(("name", "board"), boards().items(), ids=list(boards()))
def test_a_dashboard_is_whole(name: str, board: dict[str, Any]) -> None:
    """Panels have numbers of their own and do not overlap, and every variable is there, bounded and used."""
    numbers = [panel["id"] for panel in board["panels"]]
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in (panel["gridPos"] for panel in board["panels"])
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    asked = [text for panel in PANELS if panel.board == name for text in (*panel.promql, *panel.sql)]
    sources = {panel.raw["datasource"]["uid"] for panel in PANELS if panel.board == name}
    used = {found for text in (*asked, *sources) for found in re.findall(r"\$\{(\w+)", text)}

    assert len(set(numbers)) == len(numbers)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert board["uid"] == f"learnpack-telemetry-{name}"
    assert set(variables(board)) == used
    for variable in variables(board).values():
        assert variable["type"] in {"datasource", "query"}
        if variable["type"] == "query":
            assert re.search(r"LIMIT \d{1,3}$", variable["query"])
            assert not variable["allowCustomValue"]


@EVERY_PANEL
def test_grafana_knows_all_that_it_replaces(panel: Shown) -> None:
    """No macro or variable is left in what is sent, and no parameter of the gateway's."""
    sent = [expanded_promql(one, "1m") for one in panel.promql] + [expanded_sql(one, "lists") for one in panel.sql]

    assert [text for text in sent if re.search(r"\$\w|\$\{|\{\w+:\w", text)] == []


@EVERY_PANEL
def test_a_question_of_the_page_is_asked_as_there(panel: Shown) -> None:
    """A panel that names a question of docs/analysts.md has its SQL, but for the database."""
    pages = {question.title: question.sql for question in questions()}
    for title in re.findall(r'analysts\.md, "([^"]+)"', panel.raw["description"]):
        (sql,) = panel.sql
        assert sql.startswith(re.sub(r"\btelemetry\.", "", pages[title]).strip())


@EVERY_PANEL
def test_a_runbook_that_a_panel_names_is_there(panel: Shown) -> None:
    """Of an alert that watches the same figures, at least one of them."""
    _, _, named = panel.raw["description"].partition("What to do: docs/runbooks.md, ")
    for alert in re.findall(r'"(\w+)"', named):
        known = r"\b(?:telemetry_[a-z_]+|up|process_start_time_seconds)\b"
        shown = {figure for expression in panel.promql for figure in re.findall(known, expression)}
        assert shown & set(re.findall(known, ALERTS[alert])), alert


def test_what_is_not_there_is_said() -> None:
    """A question that the page has not, and a parameter without a value."""
    with pytest.raises(LookupError, match="question 999"):
        of_page(999)
    with pytest.raises(KeyError, match="limit"):
        filled("SELECT 1 LIMIT {limit:UInt32}", tutorial="'a'")


def test_grafana_is_told_of_both_sources() -> None:
    """The files from which Grafana sets itself up name the kinds of sources that panels ask, and keep no password."""
    (sources,) = (FOLDER / "provisioning" / "datasources").iterdir()
    told = yaml.safe_load(sources.read_text("utf-8"))["datasources"]
    (folders,) = (FOLDER / "provisioning" / "dashboards").iterdir()

    assert {source["type"] for source in told} == set(SOURCES.values())
    assert [secret for source in told for secret in source.get("secureJsonData", {}).values() if secret[0] != "$"] == []
    assert yaml.safe_load(folders.read_text("utf-8"))["providers"][0]["type"] == "file"
