"""The modules and pages of this repository, and what a module imports."""

from __future__ import annotations

import ast
import contextlib
import gc
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EVERY_PAGE", "PACKAGES", "PAGES", "ROOT", "imports", "modules", "parsed", "tops", "without_collection"]

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("schemas", "broker", "streams", "sinks", "gateway", "operations", "deploy")
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EVERY_PAGE: Final = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def modules(folder: str) -> list[Path]:
    """The source files of a package."""
    return sorted((ROOT / folder).rglob("*.py"))


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Within it no garbage is collected.

    Python 3.11 refuses to build a syntax tree, with a SystemError, when garbage is collected in the middle and what is
    collected has something to say: the futures of another test, for one.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def parsed(text: str, version: tuple[int, int] | None = None) -> ast.Module:
    """The syntax tree of a source, which may have to be one of an older Python; raises SyntaxError."""
    with without_collection():
        return ast.parse(text, feature_version=version)


def imports(path: Path) -> Iterator[str]:
    """Every module that a file names, those for type checkers and those within functions among them."""
    for node in ast.walk(parsed(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module or ""


def tops(path: Path) -> set[str]:
    """The packages that a file names."""
    return {name.split(".")[0] for name in imports(path)}
