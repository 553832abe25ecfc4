"""How a test run is shared between processes (pytest-xdist), which is faster since most system tests wait.

The tests of a module stay together, in their order: they may share a started system. Several modules that share one are
named in `TOGETHER`. The modules of `FIRST` begin first, the others by directory, so that the long ones do not come
last; what is not named here runs all the same.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer

__all__ = ["APART", "CONSOLE", "FIRST", "TOGETHER", "Sharing", "number_of_processes", "order"]

# More than half of them wait for something at any moment.
_PROCESSES_PER_CORE: Final = 3
_MOST_PROCESSES: Final = 6

_TESTS: Final = Path(__file__).parents[1]
_DIRECTORIES: Final = ("chaos", "system", "contract", "unit")
_SHARED: Final = {_TESTS.parent, _TESTS, *(_TESTS / name for name in _DIRECTORIES)}
FIRST: Final = (
    "tests/system/test_replay.py",
    "tests/system/test_replay_parts.py",
    "tests/system/archive/test_archive.py",
    "tests/chaos/test_sink_faults.py",
    "tests/system/test_raw_copy.py",
    "tests/system/test_sink_flow.py",
    "tests/system/test_transport_chunks.py",
    "tests/contract",
    "tests/system/test_replay_crashes.py",
    "tests/chaos/test_chaos_workers.py",
    "tests/system/test_cli_operations.py",
    "tests/system/test_cli_doctor.py",
    "tests/system/test_up.py",
    "tests/system/test_grown_topic.py",
    "tests/system/test_gateway_outage.py",
    "tests/system/test_forget_interrupted.py",
    "tests/system/test_local_kafka.py",
)
# These have systems of their own, beside the one of tests/contract/conftest.py.
APART: Final = (
    "tests/contract/test_http_documented.py",
    "tests/contract/test_http_insights.py",
    "tests/contract/test_http_page.py",
)
TOGETHER: Final = ("tests/contract/test_http_", "tests/contract/test_asyncapi.py")
# These share another one, of the same conftest.
CONSOLE: Final = "tests/contract/test_http_console"


def number_of_processes(arguments: list[str]) -> int:
    """How many processes share a run of these arguments: 0, which is this one alone, unless one is a whole directory.

    Each process collects the tests anew, which takes longer than the unit tests of one package.
    """
    if not any(Path(argument).absolute() in _SHARED for argument in arguments):
        return 0
    return min(_MOST_PROCESSES, _PROCESSES_PER_CORE * (os.cpu_count() or 1))


def order(items: list[pytest.Item]) -> None:
    """Sort tests by when their module should begin, and keep the order within a module."""
    items.sort(key=lambda item: _rank(_module(item.nodeid)))


class Sharing(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Gives whole modules to the processes, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return _module(nodeid)


def _module(nodeid: str) -> str:
    module = nodeid.partition("::")[0]
    if module.startswith(CONSOLE):
        return CONSOLE
    return "tests/contract" if module.startswith(TOGETHER) and module not in APART else module


def _rank(module: str) -> tuple[int, int]:
    first = FIRST.index(module) if module in FIRST else len(FIRST)
    directory = next((number for number, name in enumerate(_DIRECTORIES) if f"tests/{name}" in module), -1)
    return first, directory
