"""What a module may know beyond the arrows, which import-linter checks, and how large it may be."""

from __future__ import annotations

import ast
import re
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.sources import PACKAGES, ROOT, imports, modules, parsed, tops

if TYPE_CHECKING:
    from pathlib import Path

# What turns bytes into values and back; neither knows a socket or a file.
ENCODINGS: Final = {"msgspec", "orjson"}
SETTINGS: Final = {"pydantic", "pydantic_settings"}


@pytest.mark.parametrize("path", modules("streams/core"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_is_pure(path: Path) -> None:
    """The core knows the standard library, encodings and schemas; nothing else."""
    foreign = tops(path) - sys.stdlib_module_names

    assert foreign <= {"schemas", "streams"} | ENCODINGS
    assert {name for name in imports(path) if name.startswith("streams")} <= {
        name for name in imports(path) if name.startswith("streams.core")
    }


@pytest.mark.parametrize("path", modules("schemas"), ids=lambda path: str(path.relative_to(ROOT)))
def test_schemas_do_no_input_or_output(path: Path) -> None:
    """Schemas know the standard library, encodings and how settings are read."""
    foreign = tops(path) - sys.stdlib_module_names

    assert foreign <= {"schemas"} | ENCODINGS | SETTINGS


@pytest.mark.parametrize("path", modules("gateway"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_gateway_calls_nobody(path: Path) -> None:
    """No HTTP client is imported at the edge: nothing that a request says can make it call an address."""
    assert not tops(path) & {"aiohttp", "httpx", "requests", "urllib3"}
    assert "urllib.request" not in set(imports(path))


EVERY_MODULE: Final = pytest.mark.parametrize(
    "path", [path for package in PACKAGES for path in modules(package)], ids=lambda path: str(path.relative_to(ROOT))
)
EVERY_TEST: Final = pytest.mark.parametrize(
    "path", [*modules("tests"), *modules("bench")], ids=lambda path: str(path.relative_to(ROOT))
)


def lines(path: Path) -> int:
    """How many lines a module has."""
    return len(path.read_text().splitlines())


@EVERY_MODULE
def test_a_module_stays_small(path: Path) -> None:
    """No module outgrows 300 lines."""
    assert lines(path) <= 300


@EVERY_TEST
def test_a_module_of_tests_stays_small(path: Path) -> None:
    """Nor does one of tests or measurements: what several tests need stands in tests/support or a conftest."""
    assert lines(path) <= 300


@EVERY_TEST
def test_tests_do_not_import_each_other(path: Path) -> None:
    """What two test modules need is in neither of them, so that each may be split or renamed."""
    froms = [node for node in ast.walk(parsed(path.read_text())) if isinstance(node, ast.ImportFrom)]
    names = {*imports(path), *(f"{node.module}.{alias.name}" for node in froms for alias in node.names)}

    assert [name for name in names if re.match(r"tests\.(.*\.)?test_", name)] == []


@EVERY_MODULE
def test_what_a_module_exports_is_there(path: Path) -> None:
    """`__all__` repeats nothing, and every name in it is defined or imported (ruff keeps it in order)."""
    tree = parsed(path.read_text())
    exported: list[str] = []
    there: set[str] = set()
    for node in tree.body:
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

    assert len(set(exported)) == len(exported)
    assert set(exported) <= there


# How records are fetched in chunks, and how a chunk is one transaction, is what these two are about.
CONSTRUCTORS: Final = ("streams/transport.py", "streams/transactions.py")


@EVERY_MODULE
def test_kafkas_clients_are_made_in_one_place(path: Path) -> None:
    """What readers and writers have in common stands in broker; the local stack knows nothing of the product."""
    place = str(path.relative_to(ROOT))
    if place.startswith(("broker/", "deploy/local/")) or place in CONSTRUCTORS:
        return
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(parsed(path.read_text()))
        if isinstance(node, ast.Call)
    }

    assert not called & {"AIOKafkaAdminClient", "AIOKafkaConsumer", "AIOKafkaProducer"}
    assert "list_consumer_group_offsets" not in called, "a coordinator that loads is known to broker.committed"
