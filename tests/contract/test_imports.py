"""What a module may know beyond the arrows, which import-linter checks, and how large it may be."""

from __future__ import annotations

import ast
import re
import sys
from typing import TYPE_CHECKING, Final

from tests.support.sources import PACKAGES, ROOT, imports, modules, parsed, tops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

# What turns bytes into values and back; neither knows a socket or a file.
ENCODINGS: Final = {"msgspec", "orjson"}
SETTINGS: Final = {"pydantic", "pydantic_settings"}


# How records are fetched in chunks, and how a chunk is one transaction, is what these two are about.
CONSTRUCTORS: Final = ("streams/transport.py", "streams/transactions.py")


def product() -> list[Path]:
    """Every module of the product."""
    return [path for package in PACKAGES for path in modules(package)]


def of_tests() -> list[Path]:
    """Every module of tests and of measurements."""
    return [*modules("tests"), *modules("bench")]


def told(paths: Iterable[Path], look: Callable[[Path], object]) -> dict[str, object]:
    """What `look` finds wrong, by module; a module in which it finds nothing is not there."""
    found = {str(path.relative_to(ROOT)): look(path) for path in paths}
    assert found, "no module was looked at"
    return {place: wrong for place, wrong in found.items() if wrong}


def test_the_core_is_pure() -> None:
    """The core knows the standard library, encodings and schemas; nothing else."""

    def foreign(path: Path) -> set[str]:
        rest = {name for name in imports(path) if name.startswith("streams") and not name.startswith("streams.core")}
        return rest | (tops(path) - sys.stdlib_module_names - {"schemas", "streams"} - ENCODINGS)

    assert told(modules("streams/core"), foreign) == {}


def test_schemas_do_no_input_or_output() -> None:
    """Schemas know the standard library, encodings and how settings are read."""

    def foreign(path: Path) -> set[str]:
        return tops(path) - sys.stdlib_module_names - {"schemas"} - ENCODINGS - SETTINGS

    assert told(modules("schemas"), foreign) == {}


def test_the_gateway_calls_nobody() -> None:
    """No HTTP client is imported at the edge: nothing that a request says can make it call an address."""

    def clients(path: Path) -> set[str]:
        return {*tops(path), *imports(path)} & {"aiohttp", "httpx", "requests", "urllib3", "urllib.request"}

    assert told(modules("gateway"), clients) == {}


def test_a_module_stays_small() -> None:
    """No module outgrows 300 lines; what several tests need stands in tests/support or a conftest."""

    def outgrown(path: Path) -> int:
        lines = len(path.read_text().splitlines())
        return lines if lines > 300 else 0

    assert told([*product(), *of_tests()], outgrown) == {}


def test_tests_do_not_import_each_other() -> None:
    """What two test modules need is in neither of them, so that each may be split or renamed."""

    def others(path: Path) -> list[str]:
        froms = [node for node in ast.walk(parsed(path.read_text())) if isinstance(node, ast.ImportFrom)]
        names = {*imports(path), *(f"{node.module}.{alias.name}" for node in froms for alias in node.names)}
        return [name for name in names if re.match(r"tests\.(.*\.)?test_", name)]

    assert told(of_tests(), others) == {}


def test_what_a_module_exports_is_there() -> None:
    """`__all__` repeats nothing, and every name in it is defined or imported (ruff keeps it in order)."""
    assert told(product(), _exported_wrongly) == {}


def _exported_wrongly(path: Path) -> list[str]:
    exported: list[str] = []
    there: set[str] = set()
    for node in parsed(path.read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            there |= names
            if "__all__" in names:
                exported = ast.literal_eval(node.value) if node.value is not None else []
        elif isinstance(node, ast.ImportFrom | ast.Import):
            there |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            there.add(node.name)
    return [name for name in exported if name not in there or exported.count(name) > 1]


def test_kafkas_clients_are_made_in_one_place() -> None:
    """What readers and writers have in common stands in broker; the local stack knows nothing of the product.

    So does what knows of a coordinator that is loading: broker.committed.
    """
    asked = {"AIOKafkaAdminClient", "AIOKafkaConsumer", "AIOKafkaProducer", "list_consumer_group_offsets"}

    def made(path: Path) -> set[str]:
        place = str(path.relative_to(ROOT))
        if place.startswith(("broker/", "deploy/local/")) or place in CONSTRUCTORS:
            return set()
        calls = [node.func for node in ast.walk(parsed(path.read_text())) if isinstance(node, ast.Call)]
        return {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls} & asked

    assert told(product(), made) == {}
