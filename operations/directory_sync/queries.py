"""The file of queries that says what the LMS's database knows of each kind of records (pure).

SQL, in which a comment line with nothing but the name of a kind begins the query of that kind (docs/directory.md,
"The file of queries").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from schemas.errors import OperatorError
from schemas.reference.directory_file import MODELS

if TYPE_CHECKING:
    from schemas.reference.lookup import Kind

__all__ = ["LARGEST_FILE", "ORDER", "QueryFileError", "parse_queries"]

# What others refer to comes first when it is written, and last when it is removed.
ORDER: Final[tuple[Kind, ...]] = ("academies", "users", "assets", "tasks", "tokens")

# Bytes; nobody writes so much by hand.
LARGEST_FILE: Final = 1 << 20

_HEAD: Final = re.compile(rf"--[ \t]*({'|'.join(MODELS)})[ \t]*")
_COMMENT: Final = re.compile(r"--.*")
# Texts, names in quotes, comments, texts between dollars, the end of a statement, and everything else.
_PIECE: Final = re.compile(r"""'[^']*+'|"[^"]*+"|--[^\n]*+|/\*.*?\*/|(\$\w*\$).*?\1|;|[^\s'"/$;-]++|\S""", re.DOTALL)


class QueryFileError(OperatorError, ValueError):
    """The file of queries cannot be used; the text names the line and says what to do."""


def parse_queries(text: str) -> dict[Kind, str]:
    """The query of each kind of which the file has one, in the order in which kinds are written.

    Raises QueryFileError for SQL of no kind, a second query of one, an empty one, and several statements in one.
    """
    found: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        head = _HEAD.fullmatch(line.strip())
        if head is not None:
            if head[1] in found:
                message = f"line {number}: there is a query of {head[1]} already; leave one of them out."
                raise QueryFileError(message)
            lines = found[head[1]] = []
        elif lines is not None:
            lines.append(line)
        elif _sql(line):
            message = f"line {number}: it belongs to no kind; write `-- users` or another kind on a line before it."
            raise QueryFileError(message)
    if not found:
        message = f"it has no query: write one below a line `-- KIND`, of {', '.join(MODELS)}."
        raise QueryFileError(message)
    return {kind: _query(kind, found[kind]) for kind in ORDER if kind in found}


def _query(kind: Kind, lines: list[str]) -> str:
    text = "\n".join(lines).strip()
    ends: list[int] = []
    begun = False
    for piece in _PIECE.finditer(text):
        if piece[0].startswith(("--", "/*")):
            continue
        if piece[0] == ";":
            ends.append(piece.start())
            continue
        if ends and begun:
            message = f"the query of {kind} has several statements; give one SELECT, and each kind a line `-- KIND`."
            raise QueryFileError(message)
        begun = True
    if not begun:
        message = f"the query of {kind} is empty; write a SELECT below `-- {kind}`."
        raise QueryFileError(message)
    for end in reversed(ends):
        text = text[:end] + text[end + 1 :]
    # With a line's end: its last line may be a comment.
    return text + "\n"


def _sql(line: str) -> str:
    """A line without its comment; what looks like one within a text is left out, too, which does no harm here."""
    return _COMMENT.sub("", line).strip()
