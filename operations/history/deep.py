"""Lines of JSON that are nested deeper than a decoder goes: what is deep is taken out, and put back later (pure)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["Cut", "cut"]

# A line, the `fields` of Django's, a payload: what is below these three is nobody's to decode here.
_KEPT: Final = 3
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_STANDS_FOR: Final = rb'"\u0000cut:%d"'
_MARK: Final = re.compile(rb'"\\u0000cut:(\d+)"')


class Cut:
    """What was taken out of a line; `line` has a text in place of each."""

    def __init__(self, line: bytes, parts: list[bytes]) -> None:
        self.line = line
        self._parts = parts
        self.restored = 0

    @property
    def is_whole(self) -> bool:
        """Whether all that was taken out was put back."""
        return self.restored == len(self._parts)

    def restore(self, text: bytes) -> bytes:
        """A part of the line as it stood in the original."""

        def original(found: re.Match[bytes]) -> bytes:
            self.restored += 1
            return self._parts[int(found[1])]

        return _MARK.sub(original, text)


def cut(line: bytes) -> Cut | None:
    """The line without what is deep in it; None where it says itself what stands for that."""
    if _MARK.search(line):
        return None
    kept: list[bytes] = []
    parts: list[bytes] = []
    depth = begin = end = 0
    for token in _TOKEN.finditer(line):
        if token[0] in b"[{":
            depth += 1
            if depth == _KEPT + 1:
                begin = token.start()
        elif token[0] in b"]}":
            if depth == _KEPT + 1:
                kept += [line[end:begin], _STANDS_FOR % len(parts)]
                end = token.end()
                parts.append(line[begin:end])
            depth -= 1
    return Cut(b"".join([*kept, line[end:]]), parts)
