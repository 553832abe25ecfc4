"""The folders of the product and their arrows, read from the imports: `python -m tests.support.rooms` draws them anew.

The picture stands in docs/architecture.md between two marks; a contract test fails when it is out of date.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.sources import parsed

__all__ = ["PACKAGES", "circles", "drawn", "imports_between", "modules", "redraw"]

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "architecture.md"
BEGIN: Final = "<!-- rooms: drawn by `uv run python -m tests.support.rooms` -->\n"
END: Final = "<!-- end of rooms -->\n"

# From what wires everything down to what everything rests on.
PACKAGES: Final = ("deploy", "operations", "gateway", "sinks", "streams", "broker", "schemas")


@cache
def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = path
    return found


@cache
def imports_between() -> dict[str, frozenset[str]]:
    """What each module imports of the product, those for type checkers and those within functions among them."""
    return {name: frozenset(_imported(path)) - {name} for name, path in modules().items()}


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(parsed(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            inside = names & modules().keys()
            found |= inside if inside == names else {*inside, node.module}
    return found & modules().keys()


def circles() -> list[list[str]]:
    """Modules that import each other in a circle; each circle once, as the way around it."""
    graph, done, found = imports_between(), set[str](), []

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            found.append([*way[way.index(name) :], name])
        elif name not in done:
            for other in sorted(graph[name]):
                visit(other, [*way, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found


def _room(module: str) -> str:
    """The folder that a module is in: its package, or a folder of that."""
    package, *rest = module.split(".")
    inner = f"{package}.{rest[0]}" if rest else package
    return inner if (ROOT / inner.replace(".", "/")).is_dir() else package


def _purpose(room: str) -> str:
    """The first line of a package's docstring."""
    text = ast.get_docstring(parsed(modules()[room].read_text())) or ""
    return text.partition("\n")[0].rstrip(".")


def drawn() -> str:
    """Packages from top to bottom; under each its rooms, with the rooms of the same package that they import."""
    arrows: dict[str, set[str]] = {}
    for module, others in imports_between().items():
        arrows.setdefault(_room(module), set()).update(map(_room, others))
    lines = []
    for package in PACKAGES:
        below = {other.split(".")[0] for room in arrows if room.split(".")[0] == package for other in arrows[room]}
        names = [name for name in PACKAGES if name in below - {package}]
        lines.append(f"{package:<12}{_purpose(package)}")
        rooms = sorted(room for room in arrows if room.startswith(f"{package}."))
        for room in rooms:
            mark = "└─" if room == rooms[-1] else "├─"
            inner = sorted(other.split(".")[1] for other in arrows[room] if other in rooms and other != room)
            lines.append(f"{mark} {room.split('.')[1]:<17}" + (f"→ {', '.join(inner)}" if inner else "").rstrip())
        lines += [f"▼ {', '.join(names)}" if names else "", ""]
    return "```text\n" + "\n".join(line.rstrip() for line in lines).rstrip() + "\n```\n"


def redraw(page: str) -> str:
    """The page with the picture as it is now; raises ValueError where its marks are missing."""
    before, found, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        message = f"{PAGE.name} lacks the marks between which the picture stands"
        raise ValueError(message)
    return before + BEGIN + drawn() + END + after


if __name__ == "__main__":
    PAGE.write_text(redraw(PAGE.read_text()))
