"""Where sources, table definitions and tests send a reader: to pages of this repository, and to sections of them.

A citation is a page's path from the root, perhaps with headings: `docs/api.md, "Routes" and "Health"`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from tests.support.sources import EVERY_PAGE, PACKAGES, ROOT, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDERS: Final = (*PACKAGES, "clients", "tests", "bench", ".ci")
KINDS: Final = frozenset({".py", ".sql", ".toml", ".yaml", ".html", ".js", ".css", ""})
SEMANTICS: Final = ROOT / "docs" / "semantics.md"

_PAGE: Final = re.compile(r"(?<![\w*{}./-])(\w[\w./-]*\.md)\b((?:(?:,| and|;) \"[^\"]+\")*)")
_PATH: Final = re.compile(r"(?<![\w/.])docs/[\w./-]*\w")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Citation(NamedTuple):
    """A page, as it was named, and the sections that were named of it."""

    page: str
    sections: tuple[str, ...]


def sources() -> list[Path]:
    """Every file of ours that is no page and no data."""
    found = [ROOT / "pyproject.toml", ROOT / "docs" / "asyncapi.yaml"]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in KINDS]
    left_out = {"data", "node_modules", "__pycache__", ".venv", "target", "logs"}
    return sorted(path for path in found if left_out.isdisjoint(path.relative_to(ROOT).parts))


def prose(path: Path) -> Iterator[str]:
    """What a file says to its reader, each text on one line; of Python its comments and texts, but no file names."""
    text = path.read_text("utf-8", "replace")
    if path.suffix != ".py":
        yield " ".join(re.sub(r"^\s*(--|#|//) ?", "", line) for line in text.splitlines())
        return
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield " ".join(node.value.split())
    comments: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.append(token.string.lstrip("# "))
        elif token.type not in {tokenize.NL, tokenize.INDENT, tokenize.DEDENT} and comments:
            yield " ".join(comments)
            comments = []


def citations(text: str) -> Iterator[Citation]:
    """What a text cites."""
    for page, sections in _PAGE.findall(text):
        yield Citation(page, tuple(re.findall(r'"([^"]+)"', sections)))
    for path in _PATH.findall(text):
        if not path.endswith(".md"):
            yield Citation(path, ())


@cache
def headings(page: Path) -> frozenset[str]:
    """The headings of a page as they are read."""
    return frozenset(heading.replace("`", "").strip() for heading in _HEADING.findall(page.read_text()))


def anchor(heading: str) -> str:
    """A heading as links name it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def missing(cited: Citation) -> list[str]:
    """What of a citation is not there."""
    page = ROOT / cited.page
    if not page.exists():
        return [cited.page]
    return [f'{cited.page}, "{section}"' for section in cited.sections if section not in headings(page)]


@cache
def everything() -> dict[Path, frozenset[Citation]]:
    """What each file cites, but for this one, whose examples lead nowhere."""
    return {
        path: frozenset(cited for text in prose(path) for cited in citations(text))
        for path in sources()
        if path != Path(__file__)
    }


def test_what_is_cited_is_there() -> None:
    """Every page that a comment, a text or a definition names is in the repository, with the sections named of it."""
    lost = [
        f"{path.relative_to(ROOT)}: {place}"
        for path, cited in everything().items()
        for one in cited
        for place in missing(one)
    ]

    assert lost == []


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("as nowhere.md says", ["nowhere.md"]),
        ('# see\n# docs/nowhere.md,\n# "A"\n', ["docs/nowhere.md"]),
        ('(docs/semantics.md, "Times" and "Nowhere")', ['docs/semantics.md, "Nowhere"']),
        ("Column docs/adr/9999", ["docs/adr/9999"]),
        ('docs/semantics.md, "Times"; https://example.com/docs/en and *.md', []),
    ],
)
def test_a_reference_that_leads_nowhere_is_found(text: str, lost: list[str]) -> None:
    """A page that is not there and a section that a page has not are found; other hosts' pages are not ours."""
    joined = " ".join(line.lstrip("# ") for line in text.splitlines())

    assert [one for cited in citations(joined) for one in missing(cited)] == lost


def test_the_semantics_are_cited() -> None:
    """Each section of the page that says what a webhook means is cited where it is carried out."""
    page = str(SEMANTICS.relative_to(ROOT))
    cited = {
        section for all_of in everything().values() for one in all_of if one.page == page for section in one.sections
    }

    assert set(re.findall(r"^## (.+)$", SEMANTICS.read_text(), re.MULTILINE)) - cited == set()


@EVERY_PAGE
def test_links_find_their_heading(page: Path) -> None:
    """A link to a section of a page has the heading at its end."""
    lost = []
    for target, name in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text()):
        if "://" not in target:
            found = page.parent / target if target else page
            if name not in {anchor(heading) for heading in headings(found)}:
                lost.append(f"{target}#{name}")
    assert lost == []
