"""Refuses what the engine's own access control cannot forbid in an embedded engine.

What the client half of the engine does (INTO OUTFILE, FROM INFILE, several statements), what functions read on
anybody's word (`file`), and who may take which role. A statement is judged by the text that the engine's own parser
makes of it: one statement, without comments, every text in single quotes. So there is one reading of it, the engine's.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.local.clickhouse.errors import ClickHouseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deploy.local.clickhouse.access import Account
    from deploy.local.clickhouse.engine import EngineSession

__all__ = ["Guard", "judge"]

_PARSE: Final = b"SELECT formatQuerySingleLine(base64Decode({statement:String}))"
_OWN_SCOPE: Final = re.compile(r":? In scope SELECT formatQuerySingleLine\(.*(?=\. \([A-Z_]+\))", re.DOTALL)

_TOKEN: Final = re.compile(
    rb"""
      (?P<space>\s+)
    | (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<name>[A-Za-z_][A-Za-z0-9_]* | `(?:[^`\\]|\\.)*` | "(?:[^"\\]|\\.)*")
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# Table functions that only count. The others lead out of the engine, or take columns as a text, which may have an
# expression for a default.
_COUNTING: Final = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "generateseries", "generate_series", "primes", "view"}
)
# A definition of a disk makes its directory before it is refused.
_DISKS: Final = frozenset({"disk"})
_FORMAT: Final = "format"
# Takes rows and keeps none: the sink asks it which lines a table would refuse.
_NOWHERE: Final = "null"
# The function that reads on anybody's word; `arrayMap(file, …)` and `APPLY file` call it by its bare name.
_READING: Final = "file"
_NAMING: Final = (b"(", b"APPLY")
_IDENTIFIER: Final = [b":", b"Identifier", b"}"]
_EXPRESSIONS: Final = re.compile(rb"\b(?:DEFAULT|MATERIALIZED|ALIAS|EPHEMERAL)\b", re.IGNORECASE)
_ENGINES: Final = re.compile(rb"[A-Za-z]*MergeTree|Memory|Null|Log|TinyLog|StripeLog|Set|Join|Atomic")
_DEFINES: Final = frozenset({b"CREATE", b"ATTACH", b"REPLACE"})
_READS: Final = frozenset({b"SELECT", b"WITH", b"SHOW", b"DESCRIBE", b"EXISTS", b"EXPLAIN"})
_ROLES: Final = ((b"SET", b"ROLE"), (b"SET", b"DEFAULT"))
_MOST_KEPT: Final = 512
_LONGEST_KEPT: Final = 4_096


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: bytes
    touches: bool


def _denied(*, because: str) -> ClickHouseError:
    return ClickHouseError(497, "ACCESS_DENIED", f"Not enough privileges: {because}")


class Guard:
    """Judges statements; may be called from several threads at the same time."""

    def __init__(self, table_functions: Iterable[str]) -> None:
        self._refused = (frozenset(name.lower() for name in table_functions) | _DISKS) - _COUNTING
        self._known: dict[tuple[bytes, str, bytes], None] = {}

    def check(self, session: EngineSession, statement: bytes, account: Account, infile: bytes = b"") -> None:
        """Raise ClickHouseError where an account may not run a statement.

        `infile` is the only literal that the statement may read data from; it must, then.
        """
        key = (statement, account.role, infile)
        if key in self._known:
            return
        try:
            parsed = session.run(_PARSE, "TSVRaw", {"statement": b64encode(statement).decode()}).body
        except ClickHouseError as error:
            error.args = (_OWN_SCOPE.sub("", str(error)),)
            raise
        judge(parsed, self._refused, reads_only=account.reads_only, infile=infile)
        if len(statement) <= _LONGEST_KEPT:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[key] = None


def judge(parsed: bytes, refused: frozenset[str], *, reads_only: bool, infile: bytes = b"") -> None:
    """Raise ClickHouseError for what nobody may do, or not who only reads; `parsed` is the engine's own text."""
    tokens = list(_tokens(parsed))
    # The engine writes keywords in capitals.
    words = [token.text for token in tokens]
    first = words[0] if words else b""
    if reads_only and first not in _READS:
        raise _denied(because=f"this user only reads, and a statement that begins with {first.decode()} may do more.")
    if tuple(words[:2]) in _ROLES:
        raise _denied(because="roles are this server's to set.")
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else b""
        _judge_pair(word, following, infile)
        _judge_parameter(words, place)
        if first in _DEFINES:
            _judge_definition(words, place, attaches=first == b"ATTACH")
        if tokens[place].kind == "name":
            _judge_name(tokens, place, refused)
    if words.count(b"INFILE") != bool(infile):
        raise ClickHouseError(62, "SYNTAX_ERROR", "Syntax error: the statement before the data is not complete")


def _judge_pair(word: bytes, following: bytes, infile: bytes) -> None:
    if (word, following) == (b"INTO", b"OUTFILE"):
        raise ClickHouseError(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed over HTTP")
    if (word, following) == (b"PARALLEL", b"WITH"):
        raise _denied(because="statements are not joined by PARALLEL WITH here.")
    if word == b"INFILE" and following != infile:
        raise ClickHouseError(48, "NOT_IMPLEMENTED", "FROM INFILE is not allowed over HTTP")


def _tokens(parsed: bytes) -> Iterator[_Token]:
    space = True
    for match in _TOKEN.finditer(parsed):
        kind = match.lastgroup or ""
        if kind != "space":
            yield _Token(kind, match[0], match[0] == b"(" and not space)
        space = kind == "space"


def _judge_definition(words: list[bytes], place: int, *, attaches: bool) -> None:
    following = [*words[place + 1 : place + 3], b"", b""]
    if words[place] == b"ENGINE" and following[0] == b"=" and not _ENGINES.fullmatch(following[1]):
        raise _denied(because=f"the local server has no engine {following[1].decode('utf-8', 'replace')}.")
    if attaches and words[place] == b"FROM" and following[0].startswith(b"'"):
        raise _denied(because="data are not attached from a path.")


def _judge_parameter(words: list[bytes], place: int) -> None:
    # An argument may be the name of a function, which its value would give.
    if words[place : place + 2] == [b"(", b"{"] and words[place + 3 : place + 6] == _IDENTIFIER:
        raise _denied(because="the first argument of a function is no Identifier parameter here.")


def _judge_name(tokens: list[_Token], place: int, refused: frozenset[str]) -> None:
    text = tokens[place].text
    name = text if text[:1] not in (b"`", b'"') else re.sub(rb"\\(.)", rb"\1", text[1:-1])
    called = name.decode("utf-8", "replace").lower()
    if called == _READING and place and tokens[place - 1].text in _NAMING:
        raise _denied(because=f"the local server has no {called}(); a column of that name is `table.{called}` here.")
    if called not in refused or place + 1 == len(tokens) or not tokens[place + 1].touches:
        return
    arguments = tokens[place + 2 : place + 8]
    plain = (called == _FORMAT and _is_plain_format(arguments)) or (called == _NOWHERE and _is_plain_null(arguments))
    if not plain:
        raise _denied(because=f"the local server has no {called}().")


def _is_plain_format(arguments: list[_Token]) -> bool:
    """Whether a call of `format` fills a text in, or takes rows from a text by columns that compute nothing."""
    given = [token.text for token in arguments]
    kinds = [token.kind for token in arguments]
    if kinds[:1] == ["text"] and b"{" in given[0]:
        return True
    if given[1:2] != [b","] or kinds[2:3] != ["text"]:
        return False
    return given[3:4] == [b")"] or (
        given[3:4] == [b","] and kinds[4:5] == ["text"] and given[5:6] == [b")"] and not _EXPRESSIONS.search(given[2])
    )


def _is_plain_null(arguments: list[_Token]) -> bool:
    """Whether a call of `null` has one text, of columns that compute nothing."""
    return (
        [token.kind for token in arguments[:1]] == ["text"]
        and [token.text for token in arguments[1:2]] == [b")"]
        and not _EXPRESSIONS.search(arguments[0].text)
    )
