"""What the code imports is declared, by whoever installs it, and with a lower bound that a run of tests stands for.

`.ci/long` runs the tests with every dependency at its lower bound.
"""

from __future__ import annotations

import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.sources import PACKAGES, ROOT, modules, tops

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCAL: Final = ROOT / "deploy" / "local"
MONITORING: Final = ROOT / "deploy" / "monitoring"
# Loaded only where traces are sent.
TRACING: Final = (ROOT / "broker" / "otel.py", ROOT / "broker" / "span_queue.py")
# Loaded only where the LMS's database is read.
READING: Final = (
    ROOT / "operations" / "postgres.py",
    ROOT / "operations" / "history" / "database.py",
    ROOT / "operations" / "directory_sync",
)
OURS: Final = {*PACKAGES, "tests", "bench", "learnpack_notebook_telemetry", "ipynb_telemetry"}

_PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())
_MINORS: Final = re.compile(r"Programming Language :: Python :: 3\.(\d+)")


def normal(name: str) -> str:
    """A distribution's name as installers compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(*lists: list[str]) -> dict[str, str]:
    """Names of distributions and the rest of what is required of them."""
    parts = (re.match(r"([\w.-]+)(?:\[[\w,]*\])?(.*)", line) for each in lists for line in each)
    return {normal(part[1]): part[2] for part in parts if part is not None}


BASE: Final = requirements(_PROJECT["project"]["dependencies"])
EXTRA: Final = requirements(_PROJECT["project"]["optional-dependencies"]["local"])
TRACES: Final = requirements(_PROJECT["project"]["optional-dependencies"]["otel"])
LMS: Final = requirements(_PROJECT["project"]["optional-dependencies"]["lms"])
DEV: Final = requirements(_PROJECT["dependency-groups"]["dev"])
BENCH: Final = requirements(_PROJECT["dependency-groups"]["bench"])
BROWSER: Final = requirements(_PROJECT["dependency-groups"]["browser"])
DASHBOARDS: Final = requirements(_PROJECT["dependency-groups"]["dashboards"])


@cache
def installed() -> Mapping[str, list[str]]:
    """The distributions of each package that can be imported."""
    return packages_distributions()


def undeclared(path: Path, declared: set[str]) -> list[str]:
    """The imports of a file that belong to no declared distribution."""
    distributions = installed()
    foreign = tops(path) - sys.stdlib_module_names - OURS
    return sorted(name for name in foreign if declared.isdisjoint(map(normal, distributions.get(name, ["?"]))))


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_imported_is_declared(package: str) -> None:
    """The product imports what its wheel requires; servers on this machine and traces, what their extras do.

    Dashboards, whose code no wheel has, import what their group requires.
    """
    also = {LOCAL: EXTRA, MONITORING: DASHBOARDS, **dict.fromkeys(TRACING, TRACES), **dict.fromkeys(READING, LMS)}
    lost = {
        str(path.relative_to(ROOT)): names
        for path in modules(package)
        if (names := undeclared(path, {*BASE, *(name for at in also if path.is_relative_to(at) for name in also[at])}))
    }

    assert lost == {}


@pytest.mark.parametrize("folder", ["tests", "bench"])
def test_what_tests_import_is_declared(folder: str) -> None:
    """Tests and measurements import what the product or their groups require."""
    declared = {*BASE, *EXTRA, *TRACES, *LMS, *DEV, *(BENCH if folder == "bench" else BROWSER)}
    # Those of these groups are installed where measurements are made, or a browser is driven.
    absent = {*BENCH, *BROWSER} - {normal(name) for names in installed().values() for name in names}
    lost = {name for path in modules(folder) for name in undeclared(path, declared)}

    assert {name for name in lost if normal(name) not in absent} == set()


def test_everything_that_is_declared_is_bounded_below() -> None:
    """Nothing that is required may be arbitrarily old; what writes a committed file is one version."""
    bounded = {**BASE, **EXTRA, **TRACES, **LMS, **DEV, **BENCH, **BROWSER, **DASHBOARDS}
    own = {normal(name) for name in ("learnpack-telemetry", "learnpack-notebook-telemetry")}

    assert [name for name, bound in bounded.items() if name not in own and not bound.startswith((">=", "=="))] == []


def test_classifiers_name_the_pythons_that_are_tested() -> None:
    """From the lowest that is allowed on, those on which `.ci/long` runs the unit tests are named."""
    named = [int(minor) for line in _PROJECT["project"]["classifiers"] for minor in _MINORS.findall(line)]
    lowest = int(_PROJECT["project"]["requires-python"].removeprefix(">=3."))
    others = re.search(r"for python in ((?:3\.\d+ ?)+);", (ROOT / ".ci" / "long").read_text())

    assert others is not None
    assert named == [lowest, *(int(one.removeprefix("3.")) for one in others[1].split())]
