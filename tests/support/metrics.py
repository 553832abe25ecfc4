"""Metrics as Prometheus reads them, and Debian's tools that judge them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from tests.support.plain_http import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["PROMTOOL", "kinds", "lint", "misread", "need_prometheus", "sample", "scrape"]

PROMTOOL: Final = shutil.which("promtool")

# `.ci/run` installs it, and there nothing may be left out.
need_prometheus: Final = pytest.mark.skipif(PROMTOOL is None, reason="needs Debian's package prometheus")


def scrape(address: str) -> str:
    """The text of `/metrics` at HOST:PORT."""
    answer = httpx.get(f"http://{address}/metrics", timeout=10, verify=PLAIN)
    assert answer.status_code == 200, answer.text
    return answer.text


def kinds(text: str) -> dict[str, str]:
    """The kind of each of our figures, whether or not it has a series."""
    return dict(re.findall(r"^# TYPE (telemetry_\w+) (\w+)$", text, re.MULTILINE))


def sample(text: str, series: str) -> float:
    """The value of a series, written as in the text; 0 if it is not there."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def lint(text: str) -> str:
    """What promtool finds wrong with a text of metrics; empty if nothing."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def misread(expressions: Iterable[str], directory: Path) -> str:
    """What Prometheus' own parser finds wrong with expressions; empty if nothing. It leaves a file in the directory."""
    assert PROMTOOL is not None
    rules = [{"record": f"tried:{place}", "expr": expression} for place, expression in enumerate(expressions)]
    file = directory / "expressions.yaml"
    file.write_text(json.dumps({"groups": [{"name": "tried", "rules": rules}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
