"""ClickHouse's errors: their numbers, names and HTTP statuses."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ClickHouseError", "http_status"]

# src/Server/HTTP/exceptionCodeToHTTPStatus.cpp of ClickHouse; every other code is 500.
_STATUSES: Final = {
    400: (6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    503: (76, 209, 439),
}
_STATUS_OF_CODE: Final = {code: status for status, codes in _STATUSES.items() for code in codes}
_INTERNAL: Final = 500

_UNKNOWN_EXCEPTION: Final = 1002
_ENGINE_TEXT: Final = re.compile(r"Code: (\d+)\. DB::Exception: ", re.DOTALL)


def http_status(code: int) -> int:
    """The HTTP status that ClickHouse answers with for one of its error codes."""
    return _STATUS_OF_CODE.get(code, _INTERNAL)


class ClickHouseError(Exception):
    """A request failed; `code` is ClickHouse's number and the text reads as ClickHouse writes it."""

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text} ({name})")
        self.code = code

    @classmethod
    def from_engine(cls, error: BaseException) -> ClickHouseError:
        """Wrap what the engine raised, with the code that its text tells."""
        # The wheel fails to decode the text of an error that quotes data which is not UTF-8.
        text = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
        match = _ENGINE_TEXT.search(text)
        if match is None:
            return cls(_UNKNOWN_EXCEPTION, "UNKNOWN_EXCEPTION", text or type(error).__name__)
        wrapped = cls(int(match[1]), "", "")
        wrapped.args = (text[match.start() :].strip(),)
        return wrapped
