"""Tell an INSERT that carries data from every other statement, and find where its data begin.

The engine takes a statement and its data apart by itself only up to an empty line, which Native data may contain
anywhere. So the server cuts the statement here and hands the data over by themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from deploy.local.clickhouse.errors import ClickHouseError

__all__ = [
    "Insert",
    "changes_database",
    "changes_session",
    "is_select",
    "output_format",
    "split_insert",
]

_TOKEN: Final = re.compile(
    rb"""
      (?P<space>\s+ | --[^\n]*(?:\n|\Z) | \#[!\x20][^\n]*(?:\n|\Z) | /\*.*?\*/)
    | (?P<quoted>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*`)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BEFORE_DATA: Final = re.compile(rb"[ \t\f]*;?[ \t\f]*(?:\r?\n|\r)?")
_TRAILING_FORMAT: Final = re.compile(
    rb"\bFORMAT\s+([A-Za-z_][A-Za-z0-9_]*)\s*(?:SETTINGS\s[^;]*)?;?\s*\Z", re.IGNORECASE | re.DOTALL
)
_FORMAT_NAME: Final = re.compile(rb"\s+([A-Za-z_][A-Za-z0-9_]*)")
# INSERT, INTO and at least one word of the target come before a FORMAT or VALUES that is a keyword.
_WORDS_OF_TARGET: Final = 3
_INPUT_FUNCTION: Final = re.compile(rb"\bFROM\s+input\s*\(", re.IGNORECASE)
_TAIL: Final = 4_096


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT whose rows come with the request: its target, the format's name, the data, and its SETTINGS clause."""

    head: str
    format: str
    data: memoryview
    settings: str = ""

    def reading(self, literal: str) -> bytes:
        """The statement that reads its data from a file, whose path is a quoted literal."""
        source = f"FROM INFILE {literal} COMPRESSION 'none'"
        return f"{self.head} {source} {self.settings} FORMAT {self.format}".encode()


def split_insert(statement: bytes) -> Insert | None:
    """Take an INSERT with data apart; None for any other statement, including INSERT … SELECT and … FROM INFILE.

    Raises ClickHouseError (SYNTAX_ERROR) if the head is no UTF-8 text.
    """
    words = 0
    depth = 0
    end = 0
    settings: int | None = None
    before = b""
    for token in _TOKEN.finditer(statement):
        if token.lastgroup == "space":
            continue
        text = token[0]
        word = text.upper() if token.lastgroup == "word" else b""
        if words == 0 and word != b"INSERT":
            return None
        words += 1
        if depth == 0 and words > _WORDS_OF_TARGET:
            if word in (b"SELECT", b"WITH", b"INFILE", b"WATCH"):
                _refuse_input_function(statement, token.start())
                return None
            if word == b"SETTINGS" and before != b"." and settings is None:
                settings = end
            data: tuple[str, memoryview] | None = None
            if word == b"VALUES":
                data = "Values", memoryview(statement)[token.end() :]
            elif word == b"FORMAT" and (name := _format_name(statement, token.end())):
                data = _text(name[1]), _data(statement, name.end())
            if data is not None:
                target = end if settings is None else settings
                return Insert(_text(statement[:target]), *data, _text(statement[target:end]))
        depth += (text == b"(") - (text == b")")
        end = token.end()
        before = text
    return None


def _refuse_input_function(statement: bytes, position: int) -> None:
    if _INPUT_FUNCTION.search(statement, position):
        text = "The local server does not insert through input(): use INSERT INTO table (columns) FORMAT name"
        raise ClickHouseError(48, "NOT_IMPLEMENTED", text)


def _format_name(statement: bytes, position: int) -> re.Match[bytes] | None:
    return _FORMAT_NAME.match(statement, position)


def _data(statement: bytes, position: int) -> memoryview:
    skipped = _BEFORE_DATA.match(statement, position)
    return memoryview(statement)[skipped.end() if skipped else position :]


def _text(part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError as error:
        raise ClickHouseError(
            62, "SYNTAX_ERROR", f"Syntax error: the query is not UTF-8 text ({error.reason})"
        ) from error


def output_format(statement: bytes) -> str | None:
    """The format that a statement's own FORMAT clause names, if it ends with one."""
    clause = _TRAILING_FORMAT.search(statement[-_TAIL:])
    return clause[1].decode() if clause else None


def is_select(statement: bytes) -> bool:
    """Whether a statement is a SELECT, so that its result may be long and comes in pieces."""
    return _first_words(statement, 1) in ([b"SELECT"], [b"WITH"])


def changes_session(statement: bytes) -> bool:
    """Whether a statement leaves something in its session: a setting, the current database, a temporary table."""
    match _first_words(statement, 4):
        case [b"SET" | b"USE", *_]:
            return True
        case [b"CREATE" | b"REPLACE", b"TEMPORARY", *_] | [b"CREATE", b"OR", b"REPLACE", b"TEMPORARY"]:
            return True
    return False


def changes_database(statement: bytes) -> bool:
    """Whether a statement changes the current database of its session."""
    return _first_words(statement, 1) == [b"USE"]


def _first_words(statement: bytes, count: int) -> list[bytes]:
    words: list[bytes] = []
    for token in _TOKEN.finditer(statement):
        if token.lastgroup == "word":
            words.append(token[0].upper())
        if token.lastgroup not in ("word", "space") or len(words) == count:
            break
    return words
