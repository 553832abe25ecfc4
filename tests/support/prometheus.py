"""Debian's Prometheus on a directory of its own, with the product's alerts in a form that takes no minutes."""

from __future__ import annotations

import json
import re
import shutil
import time
from typing import TYPE_CHECKING, Any, Final

import httpx

from deploy.local.resources import LOOPBACK, free_port
from tests.support.plain_http import PLAIN
from tests.support.sources import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.processes import Child, Processes

__all__ = ["Prometheus", "quickened"]

# Where it was before a test takes the PATH apart.
_SERVER: Final = shutil.which("prometheus") or "prometheus"
_RULES: Final = ROOT / "deploy" / "monitoring" / "prometheus" / "telemetry.rules.yaml"
_SECONDS: Final = 2
_WINDOW: Final = "[20s]"
# Restarts are counted over what several of them take.
_RESTARTS: Final = "[90s]"


def quickened(rules: str) -> str:
    """The same alerts with seconds in place of minutes: of how long they wait, look back, and of what they call old."""
    rules = re.sub(r"for: \d+m", "for: 1s", rules)
    rules = re.sub(
        r"(- alert: TelemetryPartRestarts\n.*?)(?=- alert:)",
        lambda found: found[1].replace("[10m]", _RESTARTS),
        rules,
        flags=re.DOTALL,
    )
    rules = re.sub(r"\[\d+m\]", _WINDOW, rules)
    for known, quick in (
        ('lag_seconds{job="telemetry"} > 60', 'lag_seconds{job="telemetry"} > 8'),
        ("> 600", "> 5"),
    ):
        assert rules.count(known) == 1, known
        rules = rules.replace(known, quick)
    return rules


class Prometheus:
    """A server that scrapes the parts that the files of a folder name."""

    def __init__(self, directory: Path, targets: Path, processes: Processes) -> None:
        """Start it."""
        directory.mkdir(parents=True)
        (directory / "rules.yaml").write_text(quickened(_RULES.read_text("utf-8")))
        times = {f"{name}_interval": f"{_SECONDS}s" for name in ("scrape", "evaluation")}
        found = {"files": [f"{targets}/*.json"], "refresh_interval": "2s"}
        configuration = {
            "global": {**times, "scrape_timeout": f"{_SECONDS}s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": "telemetry", "file_sd_configs": [found]}],
        }
        # JSON is YAML.
        (directory / "prometheus.yaml").write_text(json.dumps(configuration))
        self._address = f"{LOOPBACK}:{free_port()}"
        self.child: Child = processes.start(
            [
                _SERVER,
                f"--config.file={directory / 'prometheus.yaml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={self._address}",
            ],
            {},
            directory,
        )

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        return {alert["labels"]["alertname"] for alert in self._asked("alerts")["alerts"] if alert["state"] == "firing"}

    def healthy(self) -> dict[str, bool]:
        """Whether each target, by its process, was scraped the last time."""
        found = self._asked("targets")["activeTargets"]
        return {target["labels"]["process"]: target["health"] == "up" for target in found}

    def failed_rules(self) -> list[str]:
        """Alerts that could not be evaluated the last time, with the reason."""
        groups = self._asked("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert rules
        return [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]

    def series(self, expression: str, seconds: int = 60) -> list[dict[str, Any]]:
        """The series of an expression over the last seconds, as a graph has them; AssertionError if it is refused."""
        until = int(time.time())
        asked = self._asked("query_range", query=expression, start=until - seconds, end=until, step=_SECONDS)
        found: list[dict[str, Any]] = asked["result"]
        return found

    def _asked(self, what: str, **parameters: str | int) -> Any:
        url = f"http://{self._address}/api/v1/{what}"
        answer = httpx.get(url, params=parameters, timeout=30, verify=PLAIN).json()
        assert answer["status"] == "success", f"{parameters}: {answer}"
        return answer["data"]
