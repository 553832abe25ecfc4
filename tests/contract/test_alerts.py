"""Alert rules: each is shown to fire and not to, has a runbook, and asks for figures that there are."""

from __future__ import annotations

import re
import subprocess
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from deploy.metrics_page import every_part
from tests.support.metrics import PROMTOOL, need_prometheus
from tests.support.sources import ROOT

FOLDER: Final = ROOT / "deploy" / "monitoring" / "prometheus"
RULES: Final = FOLDER / "telemetry.rules.yaml"
TRIALS: Final = FOLDER / "telemetry.rules.test.yaml"
RUNBOOKS: Final = (ROOT / "docs" / "runbooks.md").read_text("utf-8")

ALERTS: Final[list[dict[str, Any]]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"][0]["rules"]
NAMES: Final = [alert["alert"] for alert in ALERTS]
# Of each scrape, of Python's client, and of how Prometheus found the part.
GIVEN: Final[dict[str, set[str]]] = {"up": set(), "process_start_time_seconds": set()}
OF_TARGETS: Final = {"job", "instance", "process", "pod"}


def promtool(*arguments: str) -> None:
    """Run Prometheus' own tool; raises AssertionError with what it says."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@need_prometheus
def test_each_alert_fires_and_does_not() -> None:
    """By series that make it fire, and by others that look like them."""
    promtool("test", "rules", TRIALS.name)


@need_prometheus
def test_prometheus_takes_the_configuration() -> None:
    """Rules and scraping of a system that `up` runs."""
    promtool("check", "config", "prometheus.yaml")


def test_each_alert_is_tried_in_both_ways() -> None:
    """No alert is without a trial of either kind, and no trial without an alert."""
    trials = {trial["name"] for trial in yaml.safe_load(TRIALS.read_text("utf-8"))["tests"]}

    assert {f"{name} {word}" for name in NAMES for word in ("fires", "does not")} == trials


def test_each_alert_has_a_runbook() -> None:
    """Under its own name, with what it is for; the page has no other, and says how grave it is."""
    headings = re.findall(r"^## (\w+)\n\n\*(\w+)\.", RUNBOOKS, re.MULTILINE)

    assert headings == [(alert["alert"], alert["labels"]["severity"].capitalize()) for alert in ALERTS]
    for alert in ALERTS:
        assert alert["annotations"]["runbook"] == f"docs/runbooks.md#{alert['alert'].lower()}"
        assert alert["annotations"]["promise"].endswith(".")
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_asks_for_figures_that_there_are(alert: dict[str, Any]) -> None:
    """Every name in its expression is a figure of a part, with the labels by which it is selected."""
    figures = {figure.name: set(figure.labels) for part in every_part() for figure in part.declared} | GIVEN
    asked = re.findall(r"\b(telemetry_\w+|up|process_start_time_seconds)(\{[^}]*\})", alert["expr"])

    assert asked
    for name, selector in asked:
        labels = figures[name.removesuffix("_bucket")] | OF_TARGETS
        assert set(re.findall(r"(\w+)=~?\"", selector)) <= labels, name
        assert 'job="telemetry"' in selector
    summed = {label.strip() for by in re.findall(r"by \(([^)]*)\)", alert["expr"]) for label in by.split(",")}
    known = {label for name, _ in asked for label in figures[name.removesuffix("_bucket")]}
    assert summed <= known | OF_TARGETS | {"le"}


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_an_alert_counts_whole_things(alert: dict[str, Any]) -> None:
    """Prometheus reckons how many came in a time as a fraction, and nobody knows a third of a record."""
    formats = re.findall(r"\{\{ \$value(.*?)\}\}", alert["annotations"]["summary"])

    if "increase(" in alert["expr"]:
        assert all("%.0f" in form or "humanizePercentage" in form for form in formats), formats
